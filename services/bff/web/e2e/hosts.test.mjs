/** Pages around the Messenger: strict, hostile, swapped out, not allowed; and what they may not do. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
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
  const answer = await fetch(`${suite.bff}/m/${appId()}/`)
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

test('a page that its workspace has not named shows nothing, from the moment on that it names others', async (t) => {
  const url = await host()
  const name = async (origins) => {
    const { security } = await suite.call('WorkspaceService/GetMessengerSecurity')
    const body = { origins, expected_version: security.version ?? '0' }
    await suite.call('WorkspaceService/SetAllowedOrigins', body)
    const expected = origins.join(' ') || 'http://127.0.0.1:* http://localhost:*'
    await until(async () => {
      const { headers } = await fetch(`${suite.bff}/m/${appId()}/`)
      return headers.get('content-security-policy').includes(`frame-ancestors ${expected};`)
    })
  }
  await name(['https://shop.example.com'])
  t.after(() => name([]))
  const context = await browser.newContext()
  const page = await context.newPage()
  const refused = []
  page.on('console', (message) => refused.push(message.text()))
  await page.goto(url)
  await until(() => refused.some((one) => one.includes('frame-ancestors')))
  await until(() => refused.some((one) => one.includes('allowed origin')))
  assert.equal(await page.locator('msgr-messenger .launcher').isVisible(), false)
  await context.close()
  await name([new URL(url).origin.replace('127.0.0.1', 'localhost')])
  const ada = await open(url.replace('127.0.0.1', 'localhost'))
  await ada.show()
  await ada.close()
})

test('a user token that is refused shows nothing, and says why once', async () => {
  const ada = await open(await host({ settings: { user_jwt: `${token.slice(0, -4)}AAAA` } }), { ready: false })
  await until(() => ada.complaints.some((one) => one.includes('user_jwt is refused or missing')))
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
  const heard = await ada.page.evaluate(
    () =>
      new Promise((resolve) => {
        const other = document.createElement('iframe')
        // a sibling of another origin asks for the port, and says whether it was given one
        other.sandbox = 'allow-scripts'
        other.srcdoc = `<script nonce="n1">
          onmessage = (event) => parent.postMessage({ sibling: event.ports.length }, '*')
          parent.postMessage('msgr:hello', '*')
          parent.postMessage('asked', '*')
        </script>`
        const answers = []
        addEventListener('message', ({ data }) => {
          if (data?.sibling !== undefined) answers.push(data)
          // what was said before is heard before
          if (data === 'asked') setTimeout(() => resolve(answers))
        })
        document.body.append(other)
      })
  )
  assert.deepEqual(heard, [])
  await ada.show()
  await ada.heading(/Hi Ada/).waitFor()
  // the page's own port is still the one that is heard
  await ada.call('showSpace', 'messages')
  await ada.heading('Messages').waitFor()
  await ada.close()
})

test('who opened the page is not heard, and hears nothing', async () => {
  const url = await host()
  const context = await browser.newContext({ locale: 'en-US' })
  const opener = await context.newPage()
  // another origin than the page's
  await opener.goto((await host({ loader: false })).replace('127.0.0.1', 'localhost'))
  const popup = context.waitForEvent('page')
  await opener.evaluate((url) => {
    window.given = []
    addEventListener('message', ({ data, ports }) => window.given.push([data, ports.length]))
    window.opened = open(url)
  }, url)
  const ada = new Customer(context, await popup, suite)
  await ada.show()
  await opener.evaluate(() => {
    const { port1, port2 } = new MessageChannel()
    window.opened.postMessage('msgr:hello', '*')
    window.opened.postMessage({ type: 'shutdown' }, '*')
    window.opened.postMessage('msgr:port', '*', [port2])
    port1.postMessage({ type: 'shutdown' })
    for (let at = 0; at < window.opened.length; at++) window.opened[at].postMessage('msgr:port', '*')
  })
  await ada.call('showSpace', 'messages')
  await ada.heading('Messages').waitFor()
  assert.deepEqual(await opener.evaluate(() => window.given), [])
  await context.close()
})

const EVIL = [
  '<img src=x onerror="document.title=1">',
  '<script>document.title=1</script>',
  '<svg/onload=document.title=1>',
  '"><iframe srcdoc="<script>top.document.title=1</script>">',
  '<a href="javascript:document.title=1">x</a>',
  'javascript:document.title=1',
  'https://a.test/"onmouseover="document.title=1',
  '{{constructor.constructor("document.title=1")()}}',
  '&lt;script&gt;document.title=1&lt;/script&gt;'
]

/** A user token of somebody with any name, as the shop's server would sign it. */
function sign(claims) {
  const { keys, app_id } = JSON.parse(readFileSync(`${suite.data}/access.json`, 'utf8'))
  const { kid, secret } = keys.WEB
  const now = Math.floor(Date.now() / 1000)
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const all = { iat: now, exp: now + 300, aud: app_id, ...claims }
  const text = `${part({ alg: 'HS256', typ: 'JWT', kid })}.${part(all)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

test('nothing that a customer or a teammate writes becomes markup, wherever it is shown', async () => {
  const user_jwt = sign({ user_id: 'mallory', name: EVIL[0] })
  const mallory = await open(await host({ settings: { user_jwt } }))
  await mallory.show()
  await mallory.main.locator('h1', { hasText: '<img' }).waitFor()
  const contact = await mallory.contact()
  const title = EVIL.join(' ')
  const { ticket } = await suite.call('TicketService/CreateTicket', {
    requester_contact_id: contact,
    title: title.slice(0, 255),
    description: title
  })
  for (const body of EVIL)
    await suite.call('ConversationService/SendMessage', { conversation_id: ticket.conversationId, body })
  await mallory.main
    .getByRole('region', { name: 'Recent tickets' })
    .getByRole('button', { name: /img src/ })
    .click()
  await mallory.heading(/img src/).waitFor()
  const clean = async () => {
    assert.equal(await mallory.main.locator('img, script, iframe, svg[onload], [onerror], [onmouseover]').count(), 0)
    const links = await mallory.main.locator('a').evaluateAll((all) => all.map((one) => one.getAttribute('href')))
    for (const link of links) assert.match(link, /^(https?|mailto):/)
    assert.equal(await inside(mallory).title(), 'Messenger')
    assert.equal(await mallory.page.title(), 'Host')
  }
  await clean()
  await mallory.button('Continue the Conversation').click()
  for (const body of EVIL) await mallory.text(body).last().waitFor()
  await clean()
  await mallory.main.getByLabel('Your message').fill(title)
  await mallory.main.getByLabel('Your message').press('Enter')
  await mallory.main.locator('.message.mine .bubble', { hasText: 'constructor' }).waitFor()
  await clean()
  await mallory.close()
})

test('nothing secret is in an address, a cookie or a storage', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  const urls = []
  context.on('request', (request) => urls.push(`${request.url()} ${request.headers().referer ?? ''}`))
  await page.goto(`${suite.shop}/?user=ada`)
  await page.locator('msgr-messenger .launcher').waitFor()
  await until(() => urls.some((url) => url.includes('WatchMessenger')))
  await until(() => page.evaluate(() => localStorage.length > 0))
  const jwt = await (await fetch(`${suite.shop}/token/web/ada`, { method: 'POST' })).text()
  for (const url of urls) assert.ok(!url.includes(jwt.slice(0, 20)) && !/token=|bearer/i.test(url), url)
  assert.deepEqual(await context.cookies(), [])
  for (const frame of page.frames()) {
    const kept = await frame.evaluate(() => {
      try {
        return { ...localStorage, ...sessionStorage }
      } catch {
        return {}
      }
    })
    // the page's own storage has how the launcher looks: a colour and what it is called
    const look =
      frame === page.mainFrame() ? { [`msgr.${appId()}.look`]: '#ffffff\nOpen Messenger\nClose Messenger' } : {}
    assert.deepEqual(kept, look)
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
