// Prints what the pages are made of, as CycloneDX, for the list of contents of an image: nothing in a bundle tells it. npm lists what
// only builds them too; told to leave that out, it leaves out what both need (npm 11.19).
import { execFileSync } from 'node:child_process'

const listing = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only']
const told = execFileSync('npm', listing, {
  encoding: 'utf8',
  maxBuffer: 64 << 20,
  stdio: ['ignore', 'pipe', 'inherit']
})
const all = JSON.parse(told)
const builds = ({ properties }) => properties.some(({ name }) => name === 'cdx:npm:package:development')
const components = all.components.filter((component) => !builds(component))
const kept = new Set([all.metadata.component, ...components].map((component) => component['bom-ref']))
const dependencies = all.dependencies
  .filter(({ ref }) => kept.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => kept.has(other)) }))
console.log(JSON.stringify({ ...all, components, dependencies }, null, 2))
