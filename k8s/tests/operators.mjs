// Checks objects of kinds that operators define by the schemas in their packages. Unknown keys are not found by these.
//   node operators.mjs MODULES FILE.json  ->  {"checked": n, "offences": [...]}
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const packages = {
  'gateway.networking.k8s.io': 'gateway-api',
  'monitoring.coreos.com': 'prometheus-operator',
  'keda.sh': 'keda',
  'external-secrets.io': 'external-secrets',
  'cert-manager.io': 'cert-manager',
};

const [modules, file] = process.argv.slice(2);
const offences = [];
let checked = 0;
for (const object of JSON.parse(fs.readFileSync(file, 'utf8'))) {
  const shown = `${object.kind} ${object.metadata.name}`;
  const [group, version] = object.apiVersion.split('/');
  const place = path.join(modules, packages[group], group, version, `${object.kind}.js`);
  try {
    const module = await import(pathToFileURL(place));
    new module[object.kind](object).validate();
  } catch (error) {
    offences.push(`${shown}: ${error.message}`);
  }
  checked += 1;
}
console.log(JSON.stringify({ checked, offences }));
