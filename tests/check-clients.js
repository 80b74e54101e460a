// The official TypeScript client against pc-local, unchanged: run by check-clients.sh in pc-local's environment.
// Every call of its reference pages that a vector index takes, once.
const assert = require('assert');
const {Pinecone} = require('@pinecone-database/pinecone');
const {version} = require('@pinecone-database/pinecone/package.json');

const pc = new Pinecone();
const spec = {serverless: {cloud: 'aws', region: 'us-east-1'}};

async function refused(call) {
	try {
		await call();
	} catch (e) {
		return String(e.message);
	}
	throw new Error('was not refused');
}

async function indexes() {
	await pc.createIndex({name: 'demo', dimension: 3, metric: 'cosine', spec, tags: {team: 'a'}, waitUntilReady: true});
	assert.deepEqual((await pc.listIndexes()).indexes.map((i) => i.name), ['demo']);
	const about = await pc.describeIndex('demo');
	assert.ok(about.status.ready && about.tags.team === 'a');
	await refused(() => pc.createIndex({name: 'demo', dimension: 3, metric: 'cosine', spec}));
	await pc.configureIndex({name: 'demo', deletionProtection: 'enabled'});
	assert.match(await refused(() => pc.deleteIndex('demo')), /Deletion protection/);
	await pc.configureIndex({name: 'demo', deletionProtection: 'disabled'});
}

async function records(index) {
	const films = index.namespace('films');
	const list = [
		{id: 'a', values: [0.1, 0.2, 0.4], metadata: {genre: 'drama', year: 1999, tags: ['x', 'y']}},
		{id: 'b', values: [1, 0, 0], metadata: {genre: 'comedy', year: 2005, seen: true}},
		{id: 'c', values: [0, 1, 0]},
	];
	await films.upsert({records: list});
	let found = await films.query({vector: [0.1, 0.2, 0.4], topK: 2, includeValues: true, includeMetadata: true});
	assert.deepEqual(found.matches.map((m) => m.id), ['a', 'c']);
	assert.deepEqual(found.matches[0].values, [0.1, 0.2, 0.4]);
	assert.equal(found.matches[0].metadata.genre, 'drama');
	found = await films.query({id: 'a', topK: 9, filter: {genre: {$in: ['comedy']}, year: {$gt: 2000}}});
	assert.deepEqual(found.matches.map((m) => m.id), ['b']);
	assert.match(await refused(() => films.query({id: 'a', topK: 1, filter: {genre: {$like: 'c'}}})), /not a valid operator/);
	const page = await films.listPaginated({limit: 2});
	assert.deepEqual(page.vectors.map((v) => v.id), ['a', 'b']);
	const last = await films.listPaginated({limit: 2, paginationToken: page.pagination.next});
	assert.deepEqual(last.vectors.map((v) => v.id), ['c']);
	assert.equal(last.pagination, undefined);
	const fetched = await films.fetch({ids: ['a', 'none']});
	assert.deepEqual(Object.keys(fetched.records), ['a']);
	assert.deepEqual(Object.keys((await films.fetchByMetadata({filter: {genre: 'drama'}})).records), ['a']);
	await films.update({id: 'a', metadata: {year: 2000}});
	assert.equal((await films.query({id: 'a', topK: 1, includeMetadata: true})).matches[0].metadata.year, 2000);
	const stats = await index.describeIndexStats();
	assert.equal(stats.totalRecordCount, 3);
	assert.equal(stats.namespaces.films.recordCount, 3);
	await films.deleteOne({id: 'a'});
	await films.deleteMany({filter: {genre: 'comedy'}});
	assert.equal((await index.describeIndexStats()).totalRecordCount, 1);
	await films.deleteAll();
	assert.equal((await index.describeIndexStats()).totalRecordCount || 0, 0);
}

async function namespaces(index) {
	await index.createNamespace({name: 'made', schema: {fields: {genre: {filterable: true}}}});
	assert.equal((await index.describeNamespace('made')).name, 'made');
	const names = (await index.listNamespaces()).namespaces.map((n) => n.name);
	assert.ok(names.includes('films'));
	await index.deleteNamespace('films');
	assert.ok(!(await index.listNamespaces()).namespaces.map((n) => n.name).includes('films'));
}

async function others() {
	assert.deepEqual((await pc.listCollections()).collections, []);
	assert.deepEqual((await pc.listBackups()).data, []);
	assert.deepEqual((await pc.listRestoreJobs()).data, []);
	assert.match(await refused(() => pc.createBackup({indexName: 'demo', name: 'b'})), /backup/);
	await refused(() => new Pinecone({apiKey: 'wrong'}).listIndexes());
}

async function main() {
	await indexes();
	const index = pc.index({name: 'demo'});
	await records(index);
	await namespaces(index);
	await others();
	await pc.deleteIndex('demo');
	assert.deepEqual((await pc.listIndexes()).indexes, []);
	console.log('@pinecone-database/pinecone', version, 'works with pc-local');
}

main().catch((e) => {
	console.error(e);
	process.exit(1);
});
