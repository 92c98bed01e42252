// What a client learns from a refusal.

import assert from 'node:assert/strict';

import { refused, unique } from './server.mjs';

export async function permission_denied(server) {
  const { client, path } = await server.mount(1);
  await client.write(`${path}/one`, { a: 'b' });
  const stranger = await server.stranger();
  const seen = await refused(403, stranger.read(`${path}/one`), 'permission denied');
  assert.deepEqual(seen.errors, ['1 error occurred:\n\t* permission denied\n\n']);
  // What is not there is denied in the same words.
  assert.deepEqual(await refused(403, stranger.read(`${path}/none`)), seen);
  assert.deepEqual((await refused(403, server.client().read(`${path}/one`))).errors, ['permission denied']);
}

export async function unknown_route(server) {
  const path = unique('none');
  const seen = await refused(404, server.root().write(`${path}/x`, { a: 'b' }), 'no handler for route');
  assert.ok(seen.errors[0].includes(path));
}

export async function unsupported_operation(server) {
  await refused(405, server.root().delete('sys/internal/ui/mounts'), 'unsupported operation');
}
