/** The panel's frame: how wide it is, and what Back of a phone's browser makes of it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hostPage, userToken } from './host.mjs'
import { Customer, inside, startBrowser, startSuite, until } from './world.mjs'

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

const box = (customer) => customer.page.locator('msgr-messenger dialog').boundingBox()
const width = async (customer) => (await box(customer)).width

test('the panel becomes wider and narrower at the customer’s word, and stays in its window', async () => {
  const ada = await Customer.open(browser, suite, { user: 'ada' })
  await ada.show()
  assert.equal(await width(ada), 400)
  await ada.button('Make wider').click()
  await until(async () => (await width(ada)) === 688)
  // it is so on every screen, and when it is opened again
  await ada.tab(/Tickets/).click()
  await ada.main.locator('.row').first().click()
  await ada.button('Make narrower').waitFor()
  await ada.call('hide')
  await ada.call('show')
  assert.equal(await width(ada), 688)
  await ada.page.setViewportSize({ width: 600, height: 800 })
  const { x, width: narrow } = await box(ada)
  assert.deepEqual([x, narrow], [20, 560])
  await ada.page.setViewportSize({ width: 1100, height: 800 })
  await ada.button('Make narrower').click()
  await until(async () => (await width(ada)) === 400)
  assert.deepEqual(ada.complaints, [])
  await ada.close()
})

test('a conversation of the demo begins with its ticket, and what is asked about it comes after', async () => {
  const ada = await Customer.open(browser, suite, { user: 'ada' })
  await ada.call('showTicket', 2)
  await ada.button('Continue the Conversation').click()
  await ada.main.locator('.bubble', { hasText: 'Which street number' }).waitFor()
  const text = await ada.main.locator('[role=log]').textContent()
  const places = ['Ticket created', 'Ticket status changed', 'Which street number'].map((what) => text.indexOf(what))
  assert.ok(places[0] >= 0 && places[0] < places[1] && places[1] < places[2], text)
  await ada.close()
})

test('the page may have it speak another language from now on', async () => {
  const ada = await Customer.open(browser, suite, { user: 'ada', lang: 'en' })
  await ada.show()
  await ada.call('showSpace', 'home')
  await ada.heading(/How can we help/).waitFor()
  await ada.call('update', { language_override: 'de' })
  await ada.tab('Nachrichten').waitFor()
  await ada.page.getByRole('button', { name: 'Messenger schließen' }).first().waitFor()
  await ada.call('update', { language_override: 'ar' })
  await until(async () => (await ada.frame.locator('html').getAttribute('dir')) === 'rtl')
  await ada.close()
})

test('Escape closes it after a click beside everything, too', async () => {
  const ada = await Customer.open(browser, suite, { user: 'ada' })
  await ada.show()
  await ada.heading(/How can we help/).click()
  await ada.main.locator('.cards').click({ position: { x: 4, y: 1 } })
  assert.equal(await inside(ada).evaluate(() => document.activeElement === document.body), true)
  await ada.page.keyboard.press('Escape')
  await until(async () => !(await isOpen(ada)))
  await ada.close()
})

test('at the next visit the launcher is there before anything has answered', async () => {
  const host = await hostPage(suite.bff, {
    app_id: suite.app,
    user_jwt: await userToken(suite, 'ada'),
    language_override: 'de'
  })
  const ada = await Customer.open(browser, suite, {}, { url: host.url })
  await until(() => ada.page.evaluate((app) => localStorage.getItem(`msgr.${app}.look`), suite.app))
  let arrive
  const held = new Promise((resolve) => {
    arrive = resolve
  })
  await ada.page.route('**/m/**', async (route) => {
    await held
    await route.continue()
  })
  await ada.page.goto(host.url, { waitUntil: 'commit' })
  await ada.launcher.waitFor()
  assert.equal(await ada.launcher.getAttribute('aria-label'), 'Messenger öffnen')
  arrive()
  await ada.badge.filter({ hasText: /\d/ }).waitFor()
  await ada.show()
  await ada.heading(/Ada/).waitFor()
  assert.deepEqual(ada.complaints, [])
  await ada.close()
  host.close()
})

test('a link to a ticket opens it for its customer, once, and waits in the address while there is none', async () => {
  const url = (user) => `${suite.shop}/?user=${user}&msgr=ticket:2`
  const ada = await Customer.open(browser, suite, {}, { url: url('ada') })
  await ada.main.locator('.steps').waitFor()
  assert.ok(await isOpen(ada))
  assert.equal(new URL(ada.page.url()).search, '?user=ada')
  await ada.close()
  const nobody = await Customer.open(browser, suite, {}, { url: url('') })
  await nobody.launcher.waitFor()
  assert.ok(!(await isOpen(nobody)))
  assert.equal(new URL(nobody.page.url()).search, '?user=&msgr=ticket:2')
  await nobody.close()
})

test('a page that wants to know is told what is ignored of its settings, and its colours are worn', async () => {
  const host = await hostPage(suite.bff, {
    app_id: suite.app,
    user_jwt: await userToken(suite, 'ada'),
    debug: true,
    plan: 'gold',
    action_color: '#5b2bd9',
    background_color: '#2b1055',
    link_color: '#8a3ffc'
  })
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, locale: 'en-US' })
  const page = await context.newPage()
  const said = []
  page.on('console', (message) => said.push(message.text()))
  await page.goto(host.url)
  const ada = new Customer(context, page, suite)
  await ada.show()
  await ada.call('showSpace', 'home')
  await ada.heading(/Hi Ada/).waitFor()
  const greeting = ada.main.locator('.greeting')
  const style = await greeting.evaluate((element) => {
    const { backgroundColor, color } = getComputedStyle(element)
    return { backgroundColor, color }
  })
  assert.deepEqual(style, { backgroundColor: 'rgb(43, 16, 85)', color: 'rgb(255, 255, 255)' })
  assert.equal(
    await ada.main.locator('.tabs [aria-current]').evaluate((tab) => getComputedStyle(tab).color),
    'rgb(138, 63, 252)'
  )
  await until(() => said.some((line) => line.includes('ignored') && line.includes('plan')))
  await until(() => said.includes('Messenger: session ready'))
  assert.ok(said.includes('Messenger: showSpace()'))
  assert.ok(!said.some((line) => line.includes('gold')))
  await ada.close()
  host.close()
})

/** On a phone, on a page that was come to from another one. */
async function phone() {
  const ada = await Customer.open(
    browser,
    suite,
    {},
    { url: 'about:blank', ready: false, viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
  )
  await ada.page.goto(`${suite.shop}/?user=ada`)
  await ada.launcher.waitFor()
  return ada
}

// a page that is left does not answer any more
const back = (customer) => customer.page.evaluate(() => history.back()).catch(() => {})
const isOpen = async (customer) => (await customer.launcher.getAttribute('aria-expanded')) === 'true'

async function openDetail(ada) {
  await ada.launcher.tap()
  await ada.tab(/Tickets/).tap()
  await ada.main.locator('.row').first().tap()
  await ada.main.locator('.steps').waitFor()
}

test('on a phone the panel is the whole screen, and there is nothing to make wider', async () => {
  const ada = await phone()
  await ada.launcher.tap()
  await ada.button('Close Messenger').waitFor()
  assert.equal(await width(ada), 390)
  assert.equal(await ada.button('Make wider').count(), 0)
  await ada.close()
})

test('on a phone Back closes the detail, then the panel, and only then leaves the page', async () => {
  const ada = await phone()
  await openDetail(ada)
  await back(ada)
  await ada.main.locator('.row').first().waitFor()
  assert.ok(await isOpen(ada))
  await back(ada)
  await until(async () => !(await isOpen(ada)))
  assert.ok(ada.page.url().startsWith(suite.shop))
  await back(ada)
  await ada.page.waitForURL('about:blank')
  await ada.close()
})

test('a panel that was closed by its button leaves nothing for Back to go through', async () => {
  const ada = await phone()
  await openDetail(ada)
  const entries = () => ada.page.evaluate(() => history.length)
  const before = await entries()
  const close = async () => {
    await ada.button('Close Messenger').tap()
    await until(() => inside(ada).evaluate(() => history.state === null))
    assert.ok(!(await isOpen(ada)))
  }
  await close()
  // opened again, where it was left, it takes the places that are free
  await ada.launcher.tap()
  await ada.main.locator('.steps').waitFor()
  await until(() => inside(ada).evaluate(() => history.state !== null))
  assert.equal(await entries(), before)
  await close()
  await back(ada)
  await ada.page.waitForURL('about:blank')
  await ada.close()
})

test('what the page around has put into the history stays when the panel closes', async () => {
  const ada = await phone()
  await openDetail(ada)
  await ada.page.evaluate(() => history.pushState('theirs', '', '#basket'))
  await ada.call('hide')
  await until(async () => !(await isOpen(ada)))
  // the iframe has heard of it: it answers after it
  await ada.frame.locator('main').evaluate(() => new Promise((done) => setTimeout(done)))
  assert.deepEqual(await ada.page.evaluate(() => [history.state, location.hash]), ['theirs', '#basket'])
  await ada.close()
})
