/** A customer behind a proxy that gives nothing of an answer on before it has all of it. */
import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import { after, before, test } from 'node:test'
import { hostPage, listening, userToken } from './host.mjs'
import { Customer, gone, startBrowser, startSuite, until } from './world.mjs'

let suite
let browser
let proxy
let page
/** Paths that were asked for, in order. */
const asked = []

/** In front of the BFF: keeps an answer's bytes until its last. */
function holdBack(to) {
  return createServer((call, answer) => {
    asked.push(call.url)
    const behind = request(`${to}${call.url}`, { method: call.method, headers: call.headers }, (heard) => {
      const held = []
      heard.on('data', (bytes) => held.push(bytes))
      heard.on('error', () => answer.destroy())
      heard.on('end', () => answer.writeHead(heard.statusCode, heard.headers).end(Buffer.concat(held)))
    })
    behind.on('error', () => answer.destroy())
    // who does not wait for the answer any more is not waited for behind either
    answer.on('close', () => behind.destroy())
    call.pipe(behind)
  })
}

before(async () => {
  suite = await startSuite()
  browser = await startBrowser()
  proxy = holdBack(suite.bff)
  const base = await listening(proxy)
  page = await hostPage(base, { app_id: suite.app, user_jwt: await userToken(suite, 'ada') })
})
after(async () => {
  await browser?.close()
  page?.close()
  proxy?.close()
  await suite?.stop()
})

const calls = (method) => asked.filter((path) => path.endsWith(`/${method}`)).length

test('where streams are held back until they end, a badge comes all the same, and goes', async () => {
  const ada = await Customer.open(browser, suite, {}, { url: page.url })
  // the first stream has stayed silent; nobody waits for two more
  await ada.badge.filter({ hasText: /\d/ }).waitFor()
  assert.ok(calls('WatchMessenger') <= 2)
  await until(() => calls('PollMessenger') > 0)
  assert.equal(calls('WatchMessenger'), 3)
  const unread = Number(await ada.badge.textContent())

  const { ticket } = await suite.call('MessengerService/GetTicket', { ticket_id: '#4' }, 'ada')
  assert.ok(ticket.summary.unread)
  await ada.call('showTicket', '4')
  await ada.main.locator('.steps').waitFor()
  await ada.page.evaluate(() => window.Messenger('onUnreadCountChange', (count) => Object.assign(window, { count })))
  await ada.page.waitForFunction((count) => window.count === count, unread - 1)
  await ada.call('hide')
  await ada.badge.filter({ hasText: String(unread - 1) }).waitFor()

  await suite.call('TicketService/ChangeTicketState', {
    ticket_id: ticket.summary.ticketId,
    state_id: suite.states.IN_PROGRESS
  })
  await ada.badge.filter({ hasText: String(unread) }).waitFor()

  // it is a connection like another: nothing is said of it
  await ada.show()
  assert.equal(await ada.main.locator('.strip').textContent(), '')
  await gone(ada.text('Reconnecting…'))
  assert.equal(calls('WatchMessenger'), 3)
  await ada.close()
})
