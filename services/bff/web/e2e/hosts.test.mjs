/** Pages around the Messenger: strict, hostile, swapped out, not allowed; and what they may not do. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { Customer, inside, startBrowser, startSuite, until } from './world.mjs'

let suite
let browser
let token
const servers = []

before(async () => {
  suite = await startSuite()
  browser = await startBrowser()
  token = await (await fetch(`${suite.shop}/token/web/ada`, { method: 'POST' })).text()
})
after(async () => {
  for (const server of servers) server.close()
  await browser?.close()
  await suite?.stop()
})

const appId = () => JSON.parse(readFileSync(`${suite.data}/access.json`, 'utf8')).app_id

/** A page of somebody's, on a server of its own. */
async function host({ body = '', style = '', headers = {}, settings = {}, loader = true, name = '127.0.0.1' } = {}) {
  const all = { app_id: appId(), api_base: suite.bff, user_jwt: token, ...settings }
  const html = `<!doctype html><html><head><title>Host</title>${style}</head><body><h1>Host</h1>${body}
<script nonce="n1">window.messengerSettings=${JSON.stringify(all)};
(function(){var w=window,q=w.Messenger;if(typeof q==="function"){q("update",w.messengerSettings)}else{q=function(){q.q.push(arguments)};q.q=[];w.Messenger=q;}})()</script>
${loader ? `<script nonce="n1" async src="${suite.bff}/loader.js"></script>` : ''}</body></html>`
  const server = createServer((_, answer) => {
    answer.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...headers })
    answer.end(html)
  })
  servers.push(server)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://${name}:${server.address().port}/`
}

const open = (url, more = {}) => Customer.open(browser, suite, {}, { url, ...more })

test('a page whose policy forbids inline styles and allows scripts by nonce has it without a violation', async () => {
  const policy = [
    "default-src 'none'",
    "script-src 'nonce-n1' 'strict-dynamic'",
    "style-src 'none'",
    `frame-src ${suite.bff}`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'"
  ].join('; ')
  const ada = await open(await host({ headers: { 'content-security-policy': policy } }))
  await ada.show()
  await ada.heading(/Hi Ada/).waitFor()
  await ada.tab(/Tickets/).click()
  await ada.main.locator('.row').first().click()
  const complaints = ada.complaints.filter((one) => !one.includes('favicon'))
  assert.deepEqual(complaints, [])
  await ada.close()
})

test('the styles of a hostile page do not reach the launcher or the panel', async () => {
  const style = `<style>* { all: unset !important } button, dialog, iframe, msgr-messenger, div { display: none !important;
    background: red !important; font-size: 40px !important; transform: scale(3) !important; opacity: .1 !important }
    html { direction: rtl; zoom: 1 } </style>`
  const ada = await open(await host({ style }), { ready: false })
  await ada.page.waitForFunction(() =>
    document.querySelector('msgr-messenger')?.shadowRoot.querySelector('.launcher:not([hidden])')
  )
  const look = await ada.launcher.evaluate((button) => {
    const { backgroundColor, width, opacity, display, transform } = getComputedStyle(button)
    return { backgroundColor, width, opacity, display, transform }
  })
  assert.deepEqual(look, {
    backgroundColor: 'rgb(11, 87, 208)',
    width: '48px',
    opacity: '1',
    display: 'grid',
    transform: 'none'
  })
  await ada.show()
  const box = await ada.page.locator('msgr-messenger dialog').boundingBox()
  assert.equal(box.width, 400)
  await ada.close()
})

test('a page that isolates itself may embed it (COEP)', async () => {
  const headers = { 'cross-origin-embedder-policy': 'require-corp', 'cross-origin-opener-policy': 'same-origin' }
  const ada = await open(await host({ headers }))
  assert.equal(await ada.page.evaluate(() => window.crossOriginIsolated), true)
  await ada.show()
  await ada.heading(/Hi Ada/).waitFor()
  await ada.close()
})

test('a page of another site, where the browser denies storage, has it too', async () => {
  const ada = await open(await host({ name: 'localhost' }))
  await ada.show()
  await ada.heading(/Hi Ada/).waitFor()
  await ada.close()
})

test('a page that swaps its body keeps it', async () => {
  const ada = await open(await host())
  await ada.page.evaluate(() => {
    const body = document.createElement('body')
    body.textContent = 'another page'
    document.documentElement.replaceChild(body, document.body)
  })
  await ada.launcher.waitFor()
  await ada.show()
  await ada.heading(/Hi Ada/).waitFor()
  await ada.close()
})

test('a page that is not allowed shows nothing, and says why once', async (t) => {
  const answer = await fetch(`${suite.bff}/m/app_1/`)
  const policy = answer.headers.get('content-security-policy')
  assert.match(policy, /frame-ancestors http:\/\/127\.0\.0\.1:\* http:\/\/localhost:\*;/)
  const url = (await host()).replace('127.0.0.1', 'shop.test')
  const other = await startBrowser('--host-resolver-rules=MAP shop.test 127.0.0.1')
  t.after(() => other.close())
  const page = await (await other.newContext()).newPage()
  const refused = []
  page.on('console', (message) => refused.push(message.text()))
  await page.goto(url)
  await until(() => refused.some((one) => one.includes('allowed origin')))
  assert.equal(await page.locator('msgr-messenger .launcher').isVisible(), false)
  assert.equal(refused.filter((one) => one.startsWith('Messenger:')).length, 1)
})

test('a user token that is refused shows nothing, and says why once', async () => {
  const ada = await open(await host({ settings: { user_jwt: `${token.slice(0, -4)}AAAA` } }), { ready: false })
  await until(() => ada.complaints.some((one) => one.includes('user_jwt was refused')))
  assert.equal(await ada.launcher.isVisible(), false)
  assert.equal(ada.complaints.filter((one) => one.startsWith('Messenger:')).length, 1)
  await ada.close()
})

test('messages that a page forges are not heard', async () => {
  const ada = await open(await host())
  await ada.page.evaluate(() => {
    const frame = document.querySelector('msgr-messenger').shadowRoot.querySelector('iframe')
    const channel = new MessageChannel()
    window.postMessage('msgr:hello', '*')
    frame.contentWindow.postMessage({ type: 'shutdown' }, '*')
    frame.contentWindow.postMessage('msgr:port', '*', [channel.port2])
    channel.port1.postMessage({ type: 'shutdown' })
  })
  const sibling = await ada.page.evaluateHandle(() => {
    const other = document.createElement('iframe')
    other.srcdoc = '<script nonce="n1">parent.postMessage("msgr:hello","*")</script>'
    document.body.append(other)
    return other
  })
  assert.ok(sibling)
  await ada.show()
  await ada.heading(/Hi Ada/).waitFor()
  await ada.close()
})

test('nothing that a customer or a teammate writes becomes markup', async () => {
  const ada = await open(await host())
  const evil = '<img src=x onerror="document.title=1"><script>document.title=1</script> javascript:alert(1)'
  await suite.call('MessengerService/SubmitTicket', { title: evil, description: evil }, 'ada')
  await ada.show()
  await ada.main
    .getByRole('region', { name: 'Recent tickets' })
    .getByRole('button', { name: /img src/ })
    .click()
  await ada.heading(/img src/).waitFor()
  assert.equal(await ada.main.locator('img, script').count(), 0)
  assert.equal(await ada.main.locator('a[href^="javascript"]').count(), 0)
  assert.equal(await inside(ada).title(), 'Messenger')
  await ada.close()
})

test('nothing secret is in an address, a cookie or a storage', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  const urls = []
  context.on('request', (request) => urls.push(`${request.url()} ${request.headers().referer ?? ''}`))
  await page.goto(`${suite.shop}/?user=ada`)
  await page.locator('msgr-messenger .launcher').waitFor()
  await until(() => urls.some((url) => url.includes('WatchMessenger')))
  const jwt = await (await fetch(`${suite.shop}/token/web/ada`, { method: 'POST' })).text()
  for (const url of urls) assert.ok(!url.includes(jwt.slice(0, 20)) && !/token=|bearer/i.test(url), url)
  assert.deepEqual(await context.cookies(), [])
  for (const frame of page.frames()) {
    const kept = await frame.evaluate(() => {
      try {
        return localStorage.length + sessionStorage.length
      } catch {
        return 0
      }
    })
    assert.equal(kept, 0)
  }
  await context.close()
})

test('the document says everything that keeps it safe', async () => {
  const { headers, status } = await fetch(`${suite.bff}/m/${appId()}/`)
  assert.equal(status, 200)
  assert.match(headers.get('content-security-policy'), /default-src 'none'; script-src 'self';/)
  assert.match(headers.get('content-security-policy'), /require-trusted-types-for 'script'; trusted-types 'none'/)
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('referrer-policy'), 'no-referrer')
  assert.equal(headers.get('cross-origin-embedder-policy'), 'require-corp')
  assert.equal(headers.get('cross-origin-resource-policy'), 'cross-origin')
  assert.equal(headers.get('cache-control'), 'no-cache')
  assert.match(headers.get('permissions-policy'), /camera=\(\)/)
  const loader = await fetch(`${suite.bff}/loader.js`, { headers: { 'accept-encoding': 'br' } })
  assert.equal(loader.headers.get('cache-control'), 'public, max-age=300, stale-while-revalidate=86400')
  for (const bad of ['/m/app_%22%3E/', '/m/x/', '/assets/..%2findex.html', '/assets/none.js', '/m/app_1'])
    assert.equal((await fetch(`${suite.bff}${bad}`)).status, 404, bad)
})

test('the shop gives its tokens to its own page alone', async () => {
  const asked = (headers) => fetch(`${suite.shop}/token/web/ada`, { method: 'POST', headers })
  assert.equal((await asked({ 'sec-fetch-site': 'cross-site' })).status, 403)
  assert.equal((await asked({ 'sec-fetch-site': 'same-origin' })).status, 200)
})
