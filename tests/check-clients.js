// The official TypeScript client against pc-local, unchanged: run by check-clients.sh in pc-local's environment.
// Every call of its reference pages that a vector index takes, once.
const assert = require('assert');
const fs = require('fs');
const path = require('path');
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

// A job's state, once it has come to an end.
async function over(describe) {
	for (;;) {
		const state = await describe();
		if (!['Pending', 'InProgress'].includes(state.status)) return state;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

async function backups(index) {
	assert.deepEqual((await pc.listBackups()).data, []);
	assert.deepEqual((await pc.listRestoreJobs()).data, []);
	await index.namespace('films').upsert({records: [{id: 'a', values: [1, 2, 3], metadata: {genre: 'drama'}}]});
	const backup = await pc.createBackup({indexName: 'demo', name: 'first', description: 'before the change'});
	assert.ok(backup.status === 'Ready' && backup.recordCount === 1 && backup.description === 'before the change');
	await pc.createBackup({indexName: 'demo', name: 'second'});
	await index.namespace('films').deleteOne({id: 'a'});
	const about = await pc.describeBackup(backup.backupId);
	assert.ok(about.createdAt && about.cloud === 'aws' && about.sourceIndexName === 'demo' && about.tags.team === 'a');
	assert.deepEqual((await pc.listBackups({indexName: 'demo'})).data.map((b) => b.name), ['first', 'second']);
	const page = await pc.listBackups({limit: 1});
	assert.deepEqual(page.data.map((b) => b.name), ['first']);
	const last = await pc.listBackups({paginationToken: page.pagination.next});
	assert.deepEqual(last.data.map((b) => b.name), ['second']);
	const made = await pc.createIndexFromBackup({backupId: backup.backupId, name: 'again', tags: {made: 'again'}});
	const job = await over(() => pc.describeRestoreJob(made.restoreJobId));
	assert.ok(job.status === 'Completed' && job.targetIndexName === 'again' && job.completedAt);
	assert.deepEqual((await pc.listRestoreJobs({limit: 5})).data.map((j) => j.restoreJobId), [made.restoreJobId]);
	const again = pc.index({name: 'again'}).namespace('films');
	assert.equal((await again.fetch({ids: ['a']})).records.a.metadata.genre, 'drama');
	await pc.deleteIndex('again');
	for (const b of (await pc.listBackups()).data) await pc.deleteBackup(b.backupId);
	assert.deepEqual((await pc.listBackups()).data, []);
	assert.match(await refused(() => pc.describeBackup(backup.backupId)), /404/);
}

async function imports(index) {
	const folder = path.join(process.env.IMPORTS, 'films', 'imported');
	fs.mkdirSync(folder, {recursive: true});
	fs.writeFileSync(path.join(folder, '1.ndjson'), '{"id":"i","values":[1,2,3]}\n');
	const {id} = await index.startImport({uri: 'file:///films', errorMode: 'abort'});
	const state = await over(() => index.describeImport(id));
	assert.ok(state.status === 'Completed' && state.recordsImported === 1 && state.percentComplete === 100);
	assert.ok((await index.namespace('imported').fetch({ids: ['i']})).records.i);
	await index.cancelImport(id);
	assert.deepEqual((await index.listImports({limit: 5})).data.map((i) => i.id), [id]);
	assert.match(await refused(() => index.startImport({uri: 's3://bucket/films'})), /file:/);
	await index.deleteNamespace('imported');
}

async function others(index) {
	// what needs a hosted model, or a clock, is refused, with what to do instead
	const embed = {model: 'multilingual-e5-large', fieldMap: {text: 't'}};
	assert.match(await refused(() => pc.createIndexForModel({name: 'm', cloud: 'aws', region: 'us-east-1', embed})), /hf-embed/);
	assert.match(await refused(() => index.upsertRecords({records: [{id: 'a', t: 'x'}]})), /hf-embed/);
	assert.match(await refused(() => index.searchRecords({query: {topK: 1, inputs: {text: 'x'}}})), /hf-embed/);
	if (pc.backupSchedules) assert.match(await refused(() => pc.backupSchedules.list('demo')), /not served/);
	assert.deepEqual((await pc.listCollections()).collections, []);
	assert.match(await refused(() => pc.createCollection({name: 'c', source: 'demo'})), /serverless/);
	await refused(() => pc.describeCollection('c'));
	await refused(() => pc.deleteCollection('c'));
	await refused(() => new Pinecone({apiKey: 'wrong'}).listIndexes());
}

async function main() {
	await indexes();
	const index = pc.index({name: 'demo'});
	await records(index);
	await namespaces(index);
	await backups(index);
	await imports(index);
	await others(index);
	await pc.deleteIndex('demo');
	assert.deepEqual((await pc.listIndexes()).indexes, []);
	console.log('@pinecone-database/pinecone', version, 'works with pc-local');
}

main().catch((e) => {
	console.error(e);
	process.exit(1);
});
