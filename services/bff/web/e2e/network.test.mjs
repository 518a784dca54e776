/** What a customer sees when the network or the server fails. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Customer, gone, startBrowser, startSuite, until } from './world.mjs'

let suite
let browser
let ada

before(async () => {
  suite = await startSuite({ separate: true })
  browser = await startBrowser()
  ada = await Customer.open(browser, suite, { user: 'ada' })
  await ada.show()
  await ada.tab(/Tickets/).waitFor()
})
after(async () => {
  await browser?.close()
  await suite?.stop()
})

const strip = () => ada.main.locator('.strip')
const ticket = async (number) =>
  (await suite.call('MessengerService/GetTicket', { ticket_id: `#${number}` }, 'ada')).ticket

test('offline it is said at once, what was there stays, and it comes back by itself', async () => {
  await ada.tab(/Tickets/).click()
  await ada.main.locator('.row').first().waitFor()
  await ada.context.setOffline(true)
  await ada.text(/You're offline. Showing what we had at/).waitFor()
  assert.equal(await ada.main.locator('.row').count(), 4)
  await ada.context.setOffline(false)
  await ada.text('Back online.').waitFor()
  await until(async () => (await strip().textContent()) === '')
})

test('a message written offline waits and is sent once', async () => {
  const { summary, conversation } = await ticket(2)
  await ada.call('showConversation', conversation.conversationId)
  await ada.main.getByLabel('Your message').waitFor()
  await ada.context.setOffline(true)
  await ada.text(/You're offline/).waitFor()
  await ada.main.getByLabel('Your message').fill('Number 12, please.')
  await ada.main.getByLabel('Your message').press('Enter')
  await ada.text('Waiting to send').waitFor()
  await ada.context.setOffline(false)
  await gone(ada.text('Waiting to send'))
  const { parts } = await suite.call(
    'MessengerService/GetConversation',
    { conversation_id: conversation.conversationId },
    'ada'
  )
  assert.equal(parts.filter((part) => part.body === 'Number 12, please.').length, 1)
  assert.ok(summary)
})

test('offline, a ticket whose conversation was never opened says what to do', async () => {
  await ada.call('showTicket', '3')
  await ada.heading('The export stops at 80 %').waitFor()
  await ada.context.setOffline(true)
  await ada.text('Connect to the internet to continue').waitFor()
  assert.equal(await ada.main.locator('button.action').isDisabled(), true)
  await ada.context.setOffline(false)
  await gone(ada.text('Connect to the internet to continue'))
  await ada.button(/^Back/).click()
})

test('the BFF is killed and comes back: nothing is lost, and nobody has to reload', async () => {
  await ada.call('showSpace', 'tickets')
  await ada.main.locator('.row').first().waitFor()
  const before = suite.process('bff')
  process.kill(before, 'SIGKILL')
  const { summary } = await untilTicket(4)
  await suite.call('TicketService/ChangeTicketState', {
    ticket_id: summary.ticketId,
    state_id: suite.states.IN_PROGRESS
  })
  await ada.button(/Printer on the third floor is on fire.*In progress/).waitFor({ timeout: 45_000 })
  assert.notEqual(suite.process('bff'), before)
  await until(async () => ['', 'Back online.'].includes(await strip().textContent()))
})

async function untilTicket(number) {
  let found
  await until(async () => {
    found = await ticket(number).catch(() => undefined)
    return found
  })
  return found
}

/** Ends the session that a call was made with. */
async function revoke(call) {
  const answer = await fetch(`${suite.bff}/messenger.bff.v1.SessionService/RevokeSession`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: call.headers().authorization },
    body: '{}'
  })
  assert.equal(answer.status, 200)
}

test('a session that ended is renewed without a word', async () => {
  const asked = ada.page.waitForRequest((request) => request.url().includes('ListTickets'))
  await ada.call('showSpace', 'home')
  await ada.call('showSpace', 'tickets')
  const renewed = ada.page.waitForRequest((request) => request.url().includes('CreateSession'))
  await revoke(await asked)
  await renewed
  const { summary } = await ticket(4)
  await suite.call('TicketService/ChangeTicketState', { ticket_id: summary.ticketId, state_id: suite.states.SUBMITTED })
  await ada.button(/Printer on the third floor is on fire.*Submitted/).waitFor()
})

test('a session that cannot be renewed asks to sign in, and the page is told', async () => {
  const ben = await Customer.open(browser, suite, { user: 'ben' })
  await ben.show()
  await ben.heading(/Hi Ben/).waitFor()
  const asked = ben.page.waitForRequest((request) => request.url().includes('ListConversations'))
  await ben.tab(/Messages/).click()
  await ben.page.route('**/token/**', (route) => route.abort())
  await revoke(await asked)
  await ben.text('Please sign in again to see your messages and tickets.').waitFor()
  await ben.page.locator('#log', { hasText: 'onSessionExpired()' }).waitFor()
  await ben.close()
})

test('six tabs of one browser all stay alive', async () => {
  // one connection a stream over HTTP/1.1, and six to a host: only pages that are looked at hold one
  const others = []
  for (let tab = 0; tab < 4; tab++) {
    const page = await ada.context.newPage()
    await page.goto(`${suite.shop}/?user=ada`)
    await page.locator('msgr-messenger .launcher').waitFor()
    others.push(page)
  }
  await others[3].locator('msgr-messenger .launcher').click()
  await others[3]
    .frameLocator('msgr-messenger iframe')
    .getByRole('heading', { name: /Hi Ada/ })
    .waitFor()
  for (const page of others) await page.close()
})
