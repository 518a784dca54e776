/** Every screen of the console, in every variant, without a violation that a machine can find. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { violations } from './axe.mjs'
import { CONSOLE_SCREENS, visitConsole } from './console-screens.mjs'
import { startBrowser, startSuite } from './world.mjs'

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

for (const variant of ['light', 'dark', 'phone'])
  test(`${Object.keys(CONSOLE_SCREENS).length} screens in ${variant} have no violation`, async () => {
    const found = []
    const missed = await visitConsole(browser, suite, variant, async ({ page }, screen) => {
      for (const frame of page.frames()) for (const one of await violations(frame)) found.push(`${screen}: ${one}`)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
      if (wide) found.push(`${screen}: wider than the window`)
      const long = await page.evaluate(() => document.documentElement.scrollHeight > innerHeight)
      if (long) found.push(`${screen}: longer than the window`)
    })
    assert.deepEqual([...missed, ...found], [])
  })
