/** What the Messenger costs the page that it is on, where that can be said without a clock. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hostPage, userToken, WATCHING } from './host.mjs'
import { Customer, inside, startBrowser, startSuite, until } from './world.mjs'

let suite
let browser
let host

before(async () => {
  suite = await startSuite()
  browser = await startBrowser()
  host = await hostPage(suite.bff, { app_id: suite.app, user_jwt: await userToken(suite, 'ada') })
})
after(async () => {
  await browser?.close()
  host?.close()
  await suite?.stop()
})

/** A page that has been opened, with what it went through. */
async function visit() {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 } })
  const page = await context.newPage()
  await page.addInitScript(WATCHING)
  return new Customer(context, page, suite)
}

test('nothing on the page moves when the Messenger comes, opens, tells of news and closes', async () => {
  const ada = await visit()
  await ada.page.goto(host.url)
  await ada.launcher.waitFor()
  await ada.badge.filter({ hasText: /\d/ }).waitFor()
  await ada.call('showSpace', 'home')
  await ada.heading(/Hi Ada/).waitFor()
  await ada.call('hide')
  await ada.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
  assert.deepEqual(await ada.page.evaluate(() => window.seen.shifts), [])
  // it would have been seen
  await ada.page.evaluate(() =>
    document.body.prepend(Object.assign(document.createElement('div'), { textContent: '!' }))
  )
  await until(() => ada.page.evaluate(() => window.seen.shifts.length > 0))
  await ada.close()
})

test('before the page has loaded, the loader is all that is asked for, and nothing waits for it', async () => {
  const ada = await visit()
  const early = []
  let loaded = false
  ada.page.on('request', (request) => {
    if (!loaded && request.url().startsWith(suite.bff)) early.push(new URL(request.url()).pathname)
  })
  // the page's own picture is slow: it has not loaded before the picture is there
  let arrived
  const picture = new Promise((resolve) => {
    arrived = resolve
  })
  await ada.page.route('**/slow.png', async (route) => {
    await picture
    loaded = true
    await route.fulfill({ status: 404 })
  })
  await ada.page.addInitScript(() =>
    document.addEventListener('DOMContentLoaded', () =>
      document.body.append(Object.assign(new Image(), { src: '/slow.png' }))
    )
  )
  await ada.page.goto(host.url, { waitUntil: 'commit' })
  await ada.page.waitForFunction(() => window.Messenger?.loaded)
  assert.equal(await ada.page.locator('msgr-messenger').count(), 0)
  arrived()
  await ada.launcher.waitFor()
  assert.deepEqual(early, ['/loader.js'])
  await ada.close()
})

test('the loader is one request, and the panel is asked for once, however often it opens', async () => {
  const ada = await visit()
  const pages = []
  ada.page.on('request', (request) => {
    const { pathname } = new URL(request.url())
    if (/^\/(loader\.js|m\/)/.test(pathname)) pages.push(pathname)
  })
  await ada.page.goto(host.url)
  for (let time = 0; time < 3; time++) {
    await ada.show()
    await ada.call('hide')
  }
  assert.deepEqual(pages, ['/loader.js', `/m/${suite.app}/`])
  assert.ok(inside(ada))
  await ada.close()
})
