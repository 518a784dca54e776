// What a browser downloads must stay small: fails beyond the budget.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const dist = new URL('../dist/', import.meta.url).pathname
const assets = readdirSync(join(dist, 'assets'))
const gz = (file) => statSync(join(dist, `${file}.gz`)).size
const sum = (files) => files.reduce((all, file) => all + gz(file), 0)
const find = (pattern) => assets.filter((name) => pattern.test(name)).map((name) => `assets/${name}`)

const KB = 1024
const rows = [
  ['loader', gz('loader.js'), 5 * KB],
  ['Messenger script', sum(find(/^index-.*\.js$/)), 32 * KB],
  ['Messenger styles', sum(find(/^index-.*\.css$/)), 6 * KB],
  ['console script', sum(find(/^console-.*\.js$/)), 60 * KB],
  ['console styles', sum(find(/^console-.*\.css$/)), 8 * KB],
  // the Messenger and its sample, in the console's frame alone
  ['preview script', sum(find(/^preview-.*\.js$/)), 36 * KB],
  ...find(/^(?!index-|console-|preview-).*\.js$/).map((file) => [
    file.replace(/^assets\/|-[^-]*\.js$/g, ''),
    gz(file),
    3 * KB
  ])
]
let over = false
for (const [what, size, budget] of rows) {
  const bad = size > budget
  over ||= bad
  console.log(
    `${what.padEnd(18)} ${(size / KB).toFixed(2).padStart(6)} KB of ${budget / KB}${bad ? '  TOO LARGE' : ''}`
  )
}
process.exit(over ? 1 : 0)
