// Writes a strict JSON Schema of a classic dashboard, made from the types that Grafana publishes:
//   node schema.mjs MODULES OUT/dashboard.schema.json
// Grafana's own `Panel` says `options: Record<string, unknown>`. Here each panel type gets its own options and custom
// field settings, so that an unknown key or a wrong value is an error. Keys may be missing: Grafana fills in defaults.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { argv } from 'node:process';

// Plugin id: folder of its types.
const PANELS = {
  annolist: 'annotationslist',
  barchart: 'barchart',
  bargauge: 'bargauge',
  dashlist: 'dashboardlist',
  gauge: 'gauge',
  heatmap: 'heatmap',
  histogram: 'histogram',
  logs: 'logs',
  piechart: 'piechart',
  stat: 'stat',
  'state-timeline': 'statetimeline',
  'status-history': 'statushistory',
  table: 'table',
  text: 'text',
  timeseries: 'timeseries',
};

// npm has no types of Prometheus queries (the data source lives in its own plugin): these are the keys it reads.
const QUERY = `{
  datasource?: D.DataSourceRef; refId: string; hide?: boolean; expr: string; legendFormat?: string;
  format?: 'time_series' | 'table' | 'heatmap'; instant?: boolean; range?: boolean; exemplar?: boolean;
  interval?: string; intervalFactor?: number; editorMode?: 'code' | 'builder'; queryType?: string;
}`;

// Keys of interval variables, which the published type leaves out.
const VARIABLE = `D.VariableModel & { auto?: boolean; auto_count?: number; auto_min?: string }`;

const [modules, out] = argv.slice(2);
const types = join(modules, '@grafana/schema/dist/types');
const source = join(modules, 'dashboard.ts');
const folder = (name) => join(types, 'raw/composable', name, 'panelcfg/x/types.gen');

function panel([id, name], index) {
  const file = folder(name);
  const text = readFileSync(`${file}.d.ts`, 'utf8');
  const has = (type) => new RegExp(`^export (interface|type) ${type}\\b`, 'm').test(text);
  if (!has('Options')) throw new Error(`no options of the ${id} panel in ${file}.d.ts`);
  const custom = has('FieldConfig') ? `Loose<P${index}.FieldConfig>` : 'Record<string, never>';
  return {
    head: `import type * as P${index} from '${file}';`,
    type: `PanelOf<'${id}', Loose<P${index}.Options>, ${custom}>`,
  };
}

const panels = Object.entries(PANELS).map(panel);
writeFileSync(
  source,
  `import type * as D from '${join(types, 'raw/dashboard/x/types.gen')}';
${panels.map((p) => p.head).join('\n')}
type Loose<T> = T extends (infer E)[] ? Loose<E>[] : T extends object ? { [K in keyof T]?: Loose<T[K]> } : T;
type Query = ${QUERY};
interface Fields<C> {
  defaults: Omit<D.FieldConfig, 'custom'> & { custom?: C };
  overrides: D.FieldConfigSource['overrides'];
}
type PanelOf<T, O, C> = Omit<D.Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: T; options?: O; fieldConfig?: Fields<C>; targets?: Query[];
};
type AnyPanel = ${panels.map((p) => p.type).join(' | ')};
type Row = Omit<D.RowPanel, 'panels'> & { panels: AnyPanel[] };
type Variable = ${VARIABLE};
export type StrictDashboard = Omit<D.Dashboard, 'panels' | 'templating'> & {
  panels: (AnyPanel | Row)[]; templating?: { list?: Variable[] };
};
`,
);

const require = createRequire(join(modules, 'package.json'));
const { createGenerator } = require('ts-json-schema-generator');
const schema = createGenerator({
  path: source,
  type: 'StrictDashboard',
  additionalProperties: false,
  expose: 'none',
  topRef: false,
  skipTypeCheck: true,
  tsconfig: undefined,
}).createSchema('StrictDashboard');
writeFileSync(out, JSON.stringify(schema));
console.log(`dashboard.schema.json: ${panels.length} panel types`);
