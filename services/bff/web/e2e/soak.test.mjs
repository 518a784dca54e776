/** One page that stays open all day: what is opened and closed five hundred times leaves nothing behind. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Customer, inside, startBrowser, startSuite } from './world.mjs'

/** Opened and closed so often before the first look: what is made once is there by then. */
const FIRST = 50
const ROUNDS = 500
/** Live heap may be other by so much, in bytes: what compiled code and caches take comes and goes. */
const HEAP = 1 << 20

let suite
let browser

before(async () => {
  suite = await startSuite()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await suite?.stop()
})

/** Opens and closes; the panel is on the screen and its document knows, each time. */
async function openAndClose(ada, times) {
  await ada.page.evaluate(async (times) => {
    const frame = () => new Promise(requestAnimationFrame)
    for (let time = 0; time < times; time++) {
      window.Messenger('show')
      await frame()
      window.Messenger('hide')
      await frame()
    }
  }, times)
  // the frame has heard the last of it
  await inside(ada).evaluate(() => new Promise((done) => setTimeout(done)))
}

/** Host page and iframe are of one site here, so one process has both and its figures are of both. */
async function weigh(devtools) {
  // what is let go of at one collection may free more for the next
  for (let time = 0; time < 3; time++) await devtools.send('HeapProfiler.collectGarbage')
  const { metrics } = await devtools.send('Performance.getMetrics')
  const of = (name) => metrics.find((metric) => metric.name === name).value
  return {
    heap: of('JSHeapUsedSize'),
    nodes: of('Nodes'),
    listeners: of('JSEventListeners'),
    documents: of('Documents'),
    frames: of('Frames')
  }
}

test('opened and closed 500 times, the page holds no more than after 50', async (t) => {
  const ada = await Customer.open(browser, suite, { user: 'ada' })
  await ada.show()
  await ada.heading(/Hi Ada/).waitFor()
  const devtools = await ada.context.newCDPSession(ada.page)
  await devtools.send('Performance.enable')
  await openAndClose(ada, FIRST)
  const before = await weigh(devtools)
  await openAndClose(ada, ROUNDS - FIRST)
  const after = await weigh(devtools)
  const say = ({ heap, nodes, listeners }) => `${(heap / 1e6).toFixed(2)} MB, ${nodes} nodes, ${listeners} listeners`
  t.diagnostic(`after ${FIRST}: ${say(before)}; after ${ROUNDS}: ${say(after)}`)
  assert.ok(after.nodes <= before.nodes, `nodes: ${before.nodes} became ${after.nodes}`)
  assert.ok(after.listeners <= before.listeners, `listeners: ${before.listeners} became ${after.listeners}`)
  assert.deepEqual([after.documents, after.frames], [before.documents, before.frames])
  assert.ok(after.heap - before.heap < HEAP, `heap: ${before.heap} became ${after.heap}`)
  // and it still works
  await ada.show()
  await ada.tab(/Tickets/).click()
  await ada.main.locator('.row').first().waitFor()
  await ada.close()
})
