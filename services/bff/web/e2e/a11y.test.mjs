/** Every state of the panel, in every variant, without a violation that a machine can find. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { violations } from './axe.mjs'
import { STATES, VARIANTS, visit } from './shots.mjs'
import { Customer, inside, startBrowser, startSuite, until } from './world.mjs'

let suite
let browser
before(async () => {
  suite = process.env.SHOP ? { shop: process.env.SHOP } : await startSuite()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await suite?.stop?.()
})

for (const variant of Object.keys(VARIANTS))
  test(`${Object.keys(STATES).length} states in ${variant} have no violation`, async () => {
    const found = []
    const missed = await visit(browser, suite, variant, async (customer, state) => {
      for (const one of await violations(inside(customer))) found.push(`${state}: ${one}`)
      const wide = await inside(customer).evaluate(() => document.documentElement.scrollWidth > innerWidth)
      if (wide) found.push(`${state}: wider than the screen`)
    })
    assert.deepEqual([...missed, ...found], [])
  })

test('the page around it has none because of us', async () => {
  const customer = await Customer.open(browser, suite, { user: 'ada' })
  await customer.show()
  assert.deepEqual(await violations(customer.page.mainFrame()), [])
  await customer.close()
})

test('everything is reached by keyboard, and focus comes back to where it was', async () => {
  const { page, ...customer } = await Customer.open(browser, suite, { user: 'ada' })
  await page.locator('msgr-messenger .launcher').focus()
  await page.keyboard.press('Enter')
  const focused = () => inside({ page }).evaluate(() => document.activeElement?.textContent ?? '')
  await until(async () => (await focused()).includes('How can we help?'))
  const frame = page.frameLocator('msgr-messenger iframe')
  await frame.locator('.row').first().waitFor()
  while (!(await inside({ page }).evaluate(() => document.activeElement?.classList.contains('row'))))
    await page.keyboard.press('Tab')
  const row = await focused()
  await page.keyboard.press('Enter')
  await until(async () => inside({ page }).evaluate(() => document.activeElement?.tagName === 'H1'))
  await page.keyboard.press('Alt+ArrowLeft')
  await until(async () => (await focused()) === row)
  await page.keyboard.press('Escape')
  await until(() =>
    page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.classList.contains('launcher') ?? false)
  )
  await customer.context.close()
})
