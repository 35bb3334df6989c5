// Does what a Grafana does with the answers of a table's queries, with Grafana's own library:
//   node grafana_cells.mjs MODULES
// Reads lines of {"panel": ..., "answers": [[{"labels": {}, "value": 1}, ...], ...]}, and for each writes a line of
// {"columns": [...], "rows": [[{"text", "color", "url"}, ...], ...]}, as the table would show them.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { argv, stdin } from 'node:process';
import { createInterface } from 'node:readline';

const require = createRequire(join(argv[2], 'package.json'));
const { JSDOM } = require('jsdom');
const { window } = new JSDOM('<!doctype html>', { url: 'http://localhost/' });
for (const name of ['document', 'navigator', 'HTMLElement', 'Element', 'Node', 'DOMParser', 'localStorage']) {
  Object.defineProperty(globalThis, name, { value: window[name], configurable: true });
}
globalThis.window = window;
const data = require('@grafana/data');
const { firstValueFrom } = require('rxjs');

const transformers = [...new Map(Object.values(data.standardTransformers).map((one) => [one.id, one])).values()];
data.standardTransformersRegistry.setInit(() =>
  transformers.map((one) => ({ id: one.id, name: one.id, transformation: async () => one })),
);

// The table format of the Prometheus data source: one column per label, the letter only where there are several queries.
function frame(panel, series, index, { length }) {
  const refId = panel.targets[index].refId;
  const labels = [...new Set(series.flatMap((one) => Object.keys(one.labels)))].sort();
  const field = (name, type, values) => ({ name, type, config: {}, values });
  return data.toDataFrame({
    refId,
    fields: [
      field('Time', 'time', series.map(() => 1700000000000)),
      ...labels.map((label) => field(label, 'string', series.map((one) => one.labels[label] ?? ''))),
      field(length > 1 ? `Value #${refId}` : 'Value', 'number', series.map((one) => one.value)),
    ],
  });
}

// The editors are in Grafana itself; what they set is the same for all that tables use here.
const item = (id, isCustom) => ({
  id: isCustom ? `custom.${id}` : id,
  path: id,
  isCustom,
  name: id,
  settings: {},
  getItemsCount: () => 0,
  shouldApply: () => true,
  process: (value) => value,
});
const plain = ['unit', 'decimals', 'min', 'max', 'mappings', 'thresholds', 'color', 'links', 'noValue', 'displayName'];
const custom = ['cellOptions', 'width', 'filterable', 'align', 'inspect', 'hidden'];
const fieldConfigRegistry = new data.FieldConfigOptionsRegistry(() => [
  ...plain.map((id) => item(id, false)),
  ...custom.map((id) => item(id, true)),
]);

async function cells({ panel, answers }) {
  const frames = await firstValueFrom(
    data.transformDataFrame(
      panel.transformations,
      answers.map((...one) => frame(panel, ...one)),
      { interpolate: (text) => text },
    ),
  );
  const [table] = data.applyFieldOverrides({
    data: frames,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry,
    replaceVariables: (text) => text,
    theme: data.createTheme(),
    timeZone: 'utc',
  });
  if (frames.length !== 1) throw new Error(`${frames.length} frames instead of one`);
  const columns = table.fields.map((field) => data.getFieldDisplayName(field, table, frames));
  const rows = Array.from({ length: table.length }, (_, row) =>
    table.fields.map((field) => {
      const shown = field.display(field.values[row]);
      return {
        text: data.formattedValueToString(shown),
        color: field.config.custom?.cellOptions ? (shown.color ?? null) : null,
        url: field.config.links?.[0]?.url ?? null,
      };
    }),
  );
  return { columns, rows };
}

for await (const line of createInterface({ input: stdin })) {
  console.log(JSON.stringify(await cells(JSON.parse(line))));
}
