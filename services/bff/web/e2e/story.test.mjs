/** The customer's story, rule by rule, as it is seen on the page. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Customer, gone, startBrowser, startSuite, until } from './world.mjs'

let suite
let browser
let ben
let contact
const made = {}

before(async () => {
  suite = await startSuite()
  browser = await startBrowser()
  ben = await Customer.open(browser, suite, { user: 'ben' })
  contact = await ben.contact()
})
after(async () => {
  await browser?.close()
  await suite?.stop()
})

const create = async (title, more = {}) => {
  const { ticket } = await suite.call('TicketService/CreateTicket', {
    requester_contact_id: contact,
    title,
    description: `${title}.`,
    ...more
  })
  made[title] = ticket
  return ticket
}
const move = (ticket, state) =>
  suite.call('TicketService/ChangeTicketState', { ticket_id: ticket.ticketId, state_id: suite.states[state] })
const write = (ticket, body) =>
  suite.call('ConversationService/SendMessage', { conversation_id: ticket.conversationId, body })
const tabs = (customer = ben) => customer.main.getByRole('navigation').getByRole('button')
/** What each tab says to somebody who hears it. */
const names = (customer = ben) =>
  tabs(customer).evaluateAll((all) =>
    all.map((one) =>
      [...one.querySelectorAll(':scope span:not(:has(*))')]
        .filter((text) => !text.closest('[aria-hidden]'))
        .map((text) => text.textContent)
        .join('')
    )
  )
const shows = (...expected) => until(async () => JSON.stringify(await names()) === JSON.stringify(expected))
/** The page is told of every unread one; a detail is read once it was looked at for a second. */
const unread = (total) => until(async () => (await ben.page.locator('#unread').textContent()) === String(total))
const card = () => ben.main.getByRole('region', { name: 'Recent tickets' })
const cardTitles = () => card().locator('.row-title').allTextContents()
const home = async () => {
  while (await ben.main.locator('.bar').getByRole('button', { name: /^Back/ }).count())
    await ben.main.locator('.bar').getByRole('button', { name: /^Back/ }).click()
  await ben.tab('Home').click()
}

test('S1: without a ticket there is no Tickets space and no card', async () => {
  await ben.show()
  await ben.heading(/Hi Ben/).waitFor()
  // what he asked before has been answered
  await shows('Home', 'Messages, 1 unread conversation')
  await ben.tab(/Messages/).click()
  await ben.button(/We do, within five days/).click()
  await unread(0)
  await home()
  await shows('Home', 'Messages')
  assert.equal(await card().count(), 0)
})

test('B2, S1, R1: a new ticket brings the space, the card and a badge, without a reload', async () => {
  await create('The grinder is loud')
  await shows('Home', 'Messages', 'Tickets, 1 unread update')
  assert.deepEqual(await cardTitles(), ['The grinder is loud'])
  await ben.call('hide')
  await until(async () => (await ben.badge.textContent()) === '1')
  await ben.show()
})

test('B3, L5: its detail shows what there is, and reads it', async () => {
  await card()
    .getByRole('button', { name: /The grinder is loud.*Submitted/ })
    .click()
  await ben.heading('The grinder is loud').waitFor()
  await ben.text("We've received your ticket and will look at it soon.").waitFor()
  const steps = ben.main.getByRole('list', { name: 'Ticket progress' }).getByRole('listitem')
  assert.equal(await steps.count(), 3)
  assert.equal(await steps.first().getAttribute('aria-current'), 'step')
  await ben.text('Ticket created').waitFor()
  await unread(0)
  await home()
  await shows('Home', 'Messages', 'Tickets')
})

test('B2: a changed status badges Tickets and not Messages', async () => {
  await move(made['The grinder is loud'], 'IN_PROGRESS')
  await shows('Home', 'Messages', 'Tickets, 1 unread update')
})

test('B2: a message alone badges Messages and not Tickets', async () => {
  await ben.tab(/Tickets/).click()
  await ben.button(/The grinder is loud.*In progress/).click()
  await ben.text('Our team is working on it.').waitFor()
  await unread(0)
  await home()
  await shows('Home', 'Messages', 'Tickets')
  await write(made['The grinder is loud'], 'We have sent you a quieter one.')
  await shows('Home', 'Messages, 1 unread conversation', 'Tickets')
})

test('B2: both together badge both, and the launcher adds them up', async () => {
  await move(made['The grinder is loud'], 'WAITING_ON_CUSTOMER')
  await shows('Home', 'Messages, 1 unread conversation', 'Tickets, 1 unread update')
  await ben.call('hide')
  await until(async () => (await ben.badge.textContent()) === '2')
  assert.equal(await ben.launcher.getAttribute('aria-label'), 'Open Messenger, 2 unread')
  await ben.show()
})

test('C1, B3: continuing the conversation reads both', async () => {
  // its detail would read the ticket alone: by way of Messages
  await ben.tab(/Messages/).click()
  await ben.main.locator('.row.unread', { hasText: 'We have sent you a quieter one.' }).click()
  await ben.text('Ticket status changed to Waiting on you').waitFor()
  await unread(0)
  await home()
  await shows('Home', 'Messages', 'Tickets')
})

test('T7: an answer moves a waiting ticket on, and the open thread acknowledges it', async () => {
  await ben.tab('Tickets').click()
  await ben.button(/The grinder is loud.*Waiting on you/).click()
  await ben.button('Continue the Conversation').click()
  await ben.main.getByLabel('Your message').fill('Thank you!')
  await ben.main.getByLabel('Your message').press('Enter')
  await ben.main.locator('.message.mine .bubble', { hasText: 'Thank you!' }).waitFor()
  await ben.text('Ticket status changed to In progress').last().waitFor()
  assert.equal(await ben.main.locator('.message.mine').count(), 1)
  await ben.button('Back to the ticket').click()
  await ben.heading('The grinder is loud').waitFor()
  await unread(0)
  await home()
  await shows('Home', 'Messages', 'Tickets')
})

test('C1: a ticket without a message offers to send one, about the ticket', async () => {
  await create('A cup is missing')
  await card()
    .getByRole('button', { name: /A cup is missing/ })
    .click()
  await ben.button('Send a Message').click()
  await ben.text('Start the conversation about').waitFor()
  await ben.main.getByLabel('Your message').fill('The blue one.')
  await ben.button('Send').click()
  await ben.main.locator('.message.mine .bubble', { hasText: 'The blue one.' }).waitFor()
  await home()
})

test('C1: a closed conversation is offered to be viewed', async () => {
  await suite.call('ConversationService/CloseConversation', {
    conversation_id: made['A cup is missing'].conversationId
  })
  await card()
    .getByRole('button', { name: /A cup is missing/ })
    .click()
  await ben.button('View the Conversation').click()
  await ben.text('This conversation is closed.').waitFor()
  await home()
})

test('R2, R3: the card holds the three last updated, and a resolved one leaves it but not the list', async () => {
  for (const title of ['Third', 'Fourth']) await create(title)
  await until(async () => (await cardTitles()).join() === 'Fourth,Third,A cup is missing')
  await move(made.Fourth, 'RESOLVED')
  await until(async () => (await cardTitles()).join() === 'Third,A cup is missing,The grinder is loud')
  await ben.button('See all tickets').click()
  await ben.button(/Fourth.*Resolved/).waitFor()
  assert.equal(await ben.main.locator('.row').count(), 4)
})

test('L1, L2: a message moves a ticket to the top of the list, live', async () => {
  await write(made['The grinder is loud'], 'Is it quieter now?')
  await until(async () => (await ben.main.locator('.row-title').first().textContent()) === 'The grinder is loud')
  await home()
})

test('S6, S3, S4: turned off on the web, the space, its card and its badge go, live; iOS keeps them', async () => {
  const ios = await Customer.open(browser, suite, { user: 'ben', platform: 'ios' })
  await ios.show()
  await ben.tab(/Tickets/).click()
  const { settings } = await suite.call('SettingsService/GetMessengerSettings')
  const version = Number(settings?.version ?? 0)
  await suite.call('SettingsService/UpdateSpace', {
    platform: 'WEB',
    space: 'TICKETS',
    enabled: false,
    expected_version: version
  })
  await shows('Home', 'Messages, 1 unread conversation')
  await ben.text('Tickets are no longer available here.').waitFor()
  await ben.heading(/Hi Ben/).waitFor()
  assert.equal(await card().count(), 0)
  await ios.tab(/Tickets/).waitFor()
  // who asks for the space all the same is at Home
  await ben.call('showMessages')
  await ben.heading('Messages').waitFor()
  await ben.call('showSpace', 'tickets')
  await ben.heading(/Hi Ben/).waitFor()
  // still reachable from Messages
  await ben.tab(/Messages/).click()
  await ben.main.locator('.row', { hasText: 'A cup is missing' }).click()
  await ben.button(/View ticket/).click()
  await ben.heading('A cup is missing').waitFor()
  await home()
  await suite.call('SettingsService/UpdateSpace', {
    platform: 'WEB',
    space: 'TICKETS',
    enabled: true,
    expected_version: version + 1
  })
  await ben.tab(/Tickets/).waitFor()
  await ios.close()
})

test('B5: what is read on one device is read on the other', async () => {
  await move(made.Third, 'IN_PROGRESS')
  const phone = await Customer.open(browser, suite, { user: 'ben', platform: 'ios' })
  await phone.show()
  await ben.tab(/unread update/).waitFor()
  await phone.call('showTicket', made.Third.ticketId)
  await phone.heading('Third').waitFor()
  // the ones never opened stay unread
  await until(async () => (await names()).at(-1) === 'Tickets, 1 unread update')
  await phone.close()
})

test('F1, F2: a ticket is submitted and shown at once, and what is missing is said at its field', async () => {
  await ben.tab('Home').click()
  await ben.button(/^Submit a ticket/).click()
  await ben.button('Submit').click()
  await ben.text('Give your ticket a title.').waitFor()
  await ben.main.getByLabel('Title').fill('The lid does not fit')
  await ben.main.getByLabel(/Description/).fill('See https://example.com/lid.')
  await ben.button('Submit').click()
  await ben.heading('The lid does not fit').waitFor()
  const link = ben.main.getByRole('link', { name: 'https://example.com/lid' })
  assert.equal(await link.getAttribute('rel'), 'noopener noreferrer nofollow')
  await home()
})

test('V2: a ticket that is not there looks like one that is not theirs', async () => {
  await ben.call('showTicket', '999')
  await ben.heading("This ticket isn't available.").waitFor()
  const { tickets } = await suite.call('MessengerService/ListTickets', {}, 'ada')
  await ben.call('showTicket', tickets[0].ticketId)
  await ben.heading("This ticket isn't available.").waitFor()
  await home()
})

test('V3: a ticket that is deleted is gone from list and card at once', async () => {
  await ben.tab(/Tickets/).click()
  await ben.button(/The lid does not fit/).waitFor()
  const { tickets } = await suite.call('MessengerService/ListTickets', {}, 'ben')
  const lid = tickets.find((ticket) => ticket.title === 'The lid does not fit')
  await suite.call('TicketService/DeleteTicket', { ticket_id: lid.ticketId })
  await gone(ben.button(/The lid does not fit/))
})

test('a new conversation is started once and goes on in its thread', async () => {
  await ben.call('showNewMessage', 'Do you roast decaf?')
  await ben.heading('New conversation').waitFor()
  await ben.button('Send').click()
  await ben.main.locator('.message.mine .bubble', { hasText: 'Do you roast decaf?' }).waitFor()
  await gone(ben.heading('New conversation'))
  const { conversations } = await suite.call('MessengerService/ListConversations', {}, 'ben')
  assert.equal(conversations.filter((one) => one.preview === 'Do you roast decaf?').length, 1)
})

test('another customer on the same page sees nothing of the first', async () => {
  await ben.page.evaluate(async () => {
    const answer = await fetch('/token/web/chen', { method: 'POST' })
    window.Messenger('boot', {
      ...window.messengerSettings,
      getUserJwt: undefined,
      user_id: 'chen',
      user_jwt: await answer.text()
    })
  })
  await until(async () => (await ben.call('whoami'))?.name === 'Chen Wei')
  await ben.page.waitForFunction(() => document.querySelectorAll('msgr-messenger').length === 1)
  await ben.show()
  await ben.heading(/Hi Chen/).waitFor()
  assert.equal(await ben.text('The grinder is loud').count(), 0)
})

test('nothing was complained about in the console', () => {
  // the browser itself tells of the two tickets that were not there
  assert.deepEqual(
    ben.complaints.map((one) => /status of \d+/.exec(one)?.[0] ?? one),
    ['status of 404', 'status of 404']
  )
})
