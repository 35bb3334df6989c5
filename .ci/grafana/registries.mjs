// Writes the ids that Grafana knows, one sorted JSON list per registry:
//   node registries.mjs MODULES OUT   ->  OUT/{units,transformers,reducers,matchers}.json
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { argv } from 'node:process';

const [modules, out] = argv.slice(2);
const require = createRequire(join(modules, 'package.json'));
const { JSDOM } = require('jsdom');

// @grafana/data reads the browser's globals when it is loaded.
const { window } = new JSDOM('<!doctype html>', { url: 'http://localhost/' });
for (const name of ['document', 'navigator', 'HTMLElement', 'Element', 'Node', 'DOMParser', 'localStorage']) {
  Object.defineProperty(globalThis, name, { value: window[name], configurable: true });
}
globalThis.window = window;

const data = require('@grafana/data');
const lists = {
  units: data.getValueFormats().flatMap((group) => group.submenu.map((unit) => unit.value)),
  transformers: Object.values(data.standardTransformers).map((transformer) => transformer.id),
  reducers: data.fieldReducers.list().map((reducer) => reducer.id),
  matchers: data.fieldMatchers.list().map((matcher) => matcher.id),
};
for (const [name, ids] of Object.entries(lists)) {
  const sorted = [...new Set(ids)].sort();
  if (sorted.length < 10) throw new Error(`only ${sorted.length} ${name}: @grafana/data has changed`);
  writeFileSync(join(out, `${name}.json`), `${JSON.stringify(sorted, null, 1)}\n`);
  console.log(`${name}: ${sorted.length}`);
}
