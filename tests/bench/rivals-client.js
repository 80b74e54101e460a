// The job of vec-batch | hf-embed | pc-upsert with the official Pinecone client for Node, for report.py: rivals-client.js FILE
// 64 texts make a request, 16 batches are in flight. Prints the number of records that were acknowledged.
const fs = require('fs');
const readline = require('readline');
const {Pinecone} = require('@pinecone-database/pinecone');

const BATCH = 64, FLYING = 16;
const headers = {Authorization: `Bearer ${process.env.HF_TOKEN}`, 'Content-Type': 'application/json'};
let index;

async function one(batch) {
	const body = JSON.stringify({inputs: batch.map((r) => r.text)});
	const answer = await fetch(process.env.HF_ENDPOINT_URL, {method: 'POST', headers, body});
	if (!answer.ok)
		throw new Error(`${answer.status}: ${await answer.text()}`);
	const vectors = (await answer.json()).embeddings;
	if (vectors.length !== batch.length)
		throw new Error('another number of vectors than texts');
	await index.upsert({records: batch.map((r, i) => ({id: r.id, values: vectors[i], metadata: {text: r.text}}))});
	return batch.length;
}

async function main() {
	index = new Pinecone().index({name: 'demo'});
	const flying = new Set();
	let batch = [], number = 0, done = 0;
	const send = async () => {
		if (flying.size === FLYING)
			await Promise.race(flying);
		const sent = one(batch).then((n) => {
			done += n;
			flying.delete(sent);
		});
		flying.add(sent);
		batch = [];
	};
	for await (const text of readline.createInterface({input: fs.createReadStream(process.argv[2])})) {
		batch.push({id: String(number++), text});
		if (batch.length === BATCH)
			await send();
	}
	if (batch.length)
		await send();
	await Promise.all(flying);
	console.log(done);
}

main();
