/** What a machine can find of what keeps people out. */
import { readFileSync } from 'node:fs'

const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** What axe finds in a document. It does not enter a frame of another origin, so it is put into each. */
export async function violations(frame) {
  await frame.evaluate(`${axe};undefined`)
  const found = await frame.evaluate((tags) => window.axe.run(document, { runOnly: tags, iframes: false }), TAGS)
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`)
}
