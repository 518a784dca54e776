/** Teammates at work in the console, with a customer's Messenger beside it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Customer, gone, PATIENCE, startBrowser, startSuite, Teammate, until } from './world.mjs'

let suite
let browser
let grace
let ada
let contact

before(async () => {
  suite = await startSuite()
  browser = await startBrowser()
  ada = await Customer.open(browser, suite, { user: 'ada' })
  contact = await ada.contact()
  grace = await Teammate.open(browser, suite, { to: '/console/tickets?state=submitted' })
})
after(async () => {
  await browser?.close()
  await suite?.stop()
})

const PRINTER = 'Printer on the third floor is on fire'
const EXPORT = 'The export stops at 80 %'
const SPACES = '/console/settings/channels/messenger/content'
/** What a tab of the Messenger says to those who hear it. */
const tab = (name) => ada.tab(name)
/** What Ada has not read: the page is told of it. */
const unread = async () => Number(await ada.page.locator('#unread').textContent())

test('a teammate logs in and comes to the page that was asked for', async () => {
  await grace.main.getByRole('heading', { name: 'Submitted', level: 1 }).waitFor()
  assert.equal(new URL(grace.page.url()).search, '?state=submitted')
  await grace.main.getByRole('link', { name: PRINTER }).waitFor()
  const filters = grace.page.getByRole('navigation', { name: 'Tickets by category' })
  await until(async () => /All\s*6/.test(await filters.textContent()))
})

test('a changed state badges the customer at once', async (t) => {
  await grace.ticket(PRINTER)
  await until(async () => (await grace.state.inputValue()) === suite.states.SUBMITTED)
  // a ticket that is unread already would not badge once more: she reads it
  const { home } = await suite.call('MessengerService/GetHome', { platform: 'WEB' }, 'ada')
  const before = (home.badges?.tickets ?? 0) + (home.badges?.messages ?? 0) - 1
  await ada.show()
  await ada.call('showTicket', 4)
  await until(async () => (await unread()) === before)
  await ada.call('showSpace', 'home')
  // what stands on Ada's page is watched there, so that asking for it takes no time
  const badged = ada.page.evaluate(
    ([before, patience]) =>
      new Promise((resolve, reject) => {
        const shown = document.querySelector('#unread')
        setTimeout(() => reject(new Error('no badge came')), patience)
        new MutationObserver(() => {
          if (Number(shown.textContent) === before + 1) resolve(Date.now())
        }).observe(shown, { childList: true, characterData: true, subtree: true })
      }),
    [before, PATIENCE]
  )
  const began = Date.now()
  await grace.state.selectOption(suite.states.IN_PROGRESS)
  t.diagnostic(`badge after ${(await badged) - began} ms`)
  await grace.text('The state is now “In progress”.').waitFor()
  await grace.text('Customer sees: In progress').waitFor()
})

test('a reply that sets the state arrives with both', async () => {
  await grace.message.fill('Which printer is it?')
  await grace.button('Send and set state…').click()
  await grace.page.locator('#send-states').getByRole('button', { name: 'Waiting on customer' }).click()
  await grace.text('Sent. The state is now “Waiting on customer”.').waitFor()
  assert.equal(await grace.message.inputValue(), '')
  await ada.show()
  await ada.call('showTicket', 4)
  await ada.heading(PRINTER).waitFor()
  await ada.text('We need something from you to continue.').waitFor()
  await ada.button('Continue the Conversation').click()
  await ada.main.locator('.bubble', { hasText: 'Which printer is it?' }).waitFor()
})

test('what the customer answers stands in the open ticket, and its state follows', async () => {
  await ada.main.getByLabel('Your message').fill('The one by the window.')
  await ada.button('Send').click()
  await grace.main.locator('.part', { hasText: 'The one by the window.' }).waitFor()
  await grace.text('Customer sees: In progress').waitFor()
})

test('a note is for the team alone', async () => {
  await grace.page.getByRole('tab', { name: 'Note' }).click()
  await grace.message.fill('Smells like toner.')
  await grace.button('Add note').click()
  const note = grace.main.locator('.part.note', { hasText: 'Smells like toner.' })
  await note.getByText('Internal note').waitFor()
  await grace.page.getByRole('tab', { name: 'Reply' }).click()
  await grace.message.fill('We are on our way.')
  await grace.message.press('Control+Enter')
  // what was written after it is there, and it is not
  await ada.main.locator('.bubble', { hasText: 'We are on our way.' }).waitFor()
  assert.equal(await ada.text('Smells like toner.').count(), 0)
})

test('a back-office ticket is shared, unless its conversation has one that is', async () => {
  const every = {
    name: 'Hardware fault',
    category: 'BACK_OFFICE',
    shareable: true,
    state_ids: Object.values(suite.states)
  }
  const { type } = await suite.call('TicketTypeService/CreateTicketType', every)
  const { tickets } = await suite.call('MessengerService/ListTickets', {}, 'ada')
  const { ticket: printer } = await suite.call('TicketService/GetTicket', {
    ticket_id: tickets.find((one) => one.title === PRINTER).ticketId
  })
  await suite.call('TicketService/CreateTicket', {
    requester_contact_id: contact,
    type_id: type.typeId,
    title: 'Order a new fuser',
    conversation_id: printer.conversationId
  })
  await grace.go('/console/tickets?shared=no')
  await grace.ticket('Order a new fuser')
  const share = grace.switch('Shared with customer')
  assert.equal(await share.getAttribute('aria-checked'), 'false')
  await grace.text("The customer doesn't see this ticket").waitFor()
  await share.click()
  await grace.text('This conversation already has a ticket shared with the customer.').waitFor()
  assert.equal(await share.getAttribute('aria-checked'), 'false')
  // without that conversation it can be
  await grace.button('Unlink').click()
  await grace.text('No conversation is linked.').waitFor()
  await share.click()
  await until(async () => (await share.getAttribute('aria-checked')) === 'true')
  await ada.call('showSpace', 'tickets')
  await ada.button(/Order a new fuser/).waitFor()
  await share.click()
  await gone(ada.button(/Order a new fuser/))
})

test('a ticket is linked to one of its requester’s conversations', async () => {
  // shared, it got a conversation of its own
  await grace.button('Unlink').click()
  await grace.button('Link conversation').click()
  const dialog = grace.page.getByRole('dialog')
  await dialog.getByLabel(/We are on our way/).check()
  await dialog.getByRole('button', { name: 'Link conversation' }).click()
  await grace.text('The conversation is linked.').waitFor()
  await grace.main.locator('.part', { hasText: 'The one by the window.' }).waitFor()
})

test('a ticket is created for the customer in view', async () => {
  await grace.button('New ticket').click()
  const dialog = grace.page.getByRole('dialog')
  await dialog.getByLabel('Type').selectOption({ label: 'Support request' })
  await dialog.getByLabel('Title').fill('The scanner is slow')
  await dialog.getByRole('button', { name: 'Create ticket' }).click()
  await grace.main.getByRole('heading', { name: 'The scanner is slow', level: 1 }).waitFor()
  await ada.button(/The scanner is slow/).waitFor()
})

test('a ticket is created for a customer who is found by their name, by keyboard alone', async () => {
  await suite.call('ContactService/IdentifyContact', { user_id: 'zoe', name: 'Zoë Quist', email: 'zoe@example.com' })
  await grace.go('/console/tickets')
  await grace.button('New ticket').click()
  const dialog = grace.page.getByRole('dialog')
  const requester = dialog.getByRole('combobox', { name: 'Requester' })
  await requester.fill('zo')
  await dialog.getByRole('option', { name: /Zoë Quist/ }).waitFor()
  await requester.press('ArrowDown')
  await requester.press('Enter')
  assert.equal(await requester.inputValue(), 'Zoë Quist')
  await dialog.getByLabel('Title').fill('A ticket for Zoë')
  await dialog.getByLabel('Title').press('Enter')
  await grace.main.getByRole('heading', { name: 'A ticket for Zoë', level: 1 }).waitFor()
  await grace.main.getByText('zoe@example.com').waitFor()
})

test('Escape puts the list of customers away first, and then the window', async () => {
  await grace.button('New ticket').click()
  const dialog = grace.page.getByRole('dialog')
  const requester = dialog.getByRole('combobox', { name: 'Requester' })
  await requester.fill('zo')
  const offered = dialog.getByRole('listbox').getByRole('option').first()
  await offered.waitFor()
  await requester.press('Escape')
  await gone(offered)
  assert.equal(await dialog.isVisible(), true)
  await requester.press('Escape')
  await gone(dialog)
})

test('a customer or a teammate whom nobody has is refused with a sentence', async () => {
  const call = (method, body) =>
    grace.page.evaluate(
      async ([method, body]) => {
        const answer = await fetch(`/messenger.bff.v1.ConsoleService/${method}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body)
        })
        return [answer.status, (await answer.json()).message]
      },
      [method, body]
    )
  const nobody = '0123456789abcdef'.repeat(2)
  const create = { requesterContactId: `con_${nobody}`, title: 'For nobody' }
  assert.deepEqual(await call('CreateInboxTicket', create), [
    400,
    "this customer isn't there, or isn't any more; choose one who is found by their name, address or id"
  ])
  const give = { ticketId: '3', assigneeTeammateId: `tea_${nobody}` }
  assert.deepEqual(await call('EditTicket', give), [
    400,
    'nobody of your team has this id, or they are deactivated; choose somebody who is in the team'
  ])
})

test('the list is narrowed down to one customer, and the address keeps it', async () => {
  await grace.go('/console/tickets')
  await grace.main.locator('.row').nth(1).waitFor()
  await grace.button('Filter').click()
  const requester = grace.main.getByRole('combobox', { name: 'Requester' })
  await requester.fill('zo')
  await grace.main.getByRole('option', { name: /Zoë Quist/ }).click()
  await until(async () => (await grace.main.locator('.row').count()) === 1)
  await grace.page.reload()
  await until(async () => (await requester.inputValue()) === 'Zoë Quist')
  assert.equal(await grace.main.locator('.row').count(), 1)
  await grace.button('Clear: Requester').click()
  await grace.main.locator('.row').nth(1).waitFor()
})

test('the preview shows what a switch does, asks nobody for anything, and leaves the focus where it was', async () => {
  const asked = []
  const ask = (request) => {
    const frame = request.frame()
    if (frame !== grace.page.mainFrame() && !/\/(console\/preview\/|assets\/)/.test(request.url()))
      asked.push(request.url())
  }
  grace.page.on('request', ask)
  await grace.go(SPACES)
  const frame = grace.page.frameLocator('.preview iframe')
  const space = frame.getByRole('navigation').getByRole('button', { name: /Tickets/ })
  await space.click()
  await frame.getByRole('heading', { name: 'Tickets', level: 1 }).waitFor()
  const web = grace.switch('Tickets space on Web')
  await web.click()
  await gone(space)
  await grace.text('Tickets space is off on Web.').waitFor()
  assert.equal(await web.evaluate((element) => element === document.activeElement), true)
  await grace.main.getByRole('radio', { name: 'Android' }).check({ force: true })
  await space.waitFor()
  await web.click()
  await grace.text('Tickets space is on on Web.').waitFor()
  await frame
    .getByRole('navigation')
    .getByRole('button', { name: /Messages/ })
    .click()
  await frame.getByRole('button', { name: /Refund for order 1042/ }).click()
  await frame.getByLabel('Your message').fill('To the one I paid from.')
  await frame.getByRole('button', { name: 'Send' }).click()
  await frame.locator('.bubble', { hasText: 'To the one I paid from.' }).waitFor()
  assert.deepEqual(asked, [])
  grace.page.off('request', ask)
})

test('turned off on the web, the Tickets space goes from the open Messenger, and comes back', async () => {
  await tab('Tickets').waitFor()
  await grace.go(SPACES)
  const web = grace.switch('Tickets space on Web')
  await web.click()
  await grace.text('Tickets space is off on Web.').waitFor()
  await gone(tab(/Tickets/))
  await grace.text('Changed by Grace Hopper').waitFor()
  await web.click()
  await tab(/Tickets/).waitFor()
})

test('two who turn switches at once are in nobody’s way, the same switch or another', async () => {
  const { settings } = await suite.call('SettingsService/GetMessengerSettings')
  await grace.go(SPACES)
  const ios = grace.switch('Tickets space on iOS')
  await ios.waitFor()
  const off = async (platform, version) => {
    const body = { platform, space: 'TICKETS', enabled: false, expected_version: Number(version) }
    return (await suite.call('SettingsService/UpdateSpace', body)).settings.version
  }
  const version = await off('IOS', settings.version)
  await ios.click()
  await grace.text('Tickets space is off on iOS.').waitFor()
  assert.equal(await ios.getAttribute('aria-checked'), 'false')
  await off('ANDROID', version)
  await ios.click()
  await grace.text('Tickets space is on on iOS.').waitFor()
  assert.equal(await ios.getAttribute('aria-checked'), 'true')
  assert.equal(await grace.switch('Tickets space on Android').getAttribute('aria-checked'), 'false')
})

test('a key signs tokens that the tester lets in, until it is revoked', async () => {
  await grace.go('/console/settings/channels/messenger/security')
  const keys = grace.main.locator('.line code', { hasText: 'idk_' })
  await keys.first().waitFor()
  const token = await ada.page.evaluate(async () => (await fetch('/token/web/ada', { method: 'POST' })).text())
  await grace.page.getByLabel('User token', { exact: true }).fill(token)
  await grace.button('Test token').click()
  await grace.text('This token would be let in.').waitFor()
  await grace.page.getByLabel('User token', { exact: true }).fill(`${token.slice(0, -4)}AAAA`)
  await grace.button('Test token').click()
  await grace.text('This token would be refused.').waitFor()
  await grace.button('Create key').click()
  const dialog = grace.page.getByRole('dialog')
  const id = await dialog.locator('code').first().textContent()
  await dialog.getByRole('button', { name: 'I have kept it' }).click()
  await grace.button(`Revoke ${id}`).click()
  await grace.button('Revoke key').click()
  await grace.text('The key is revoked.').waitFor()
  await gone(grace.button(`Revoke ${id}`))
})

test('an origin is added and removed', async () => {
  const box = grace.page.getByLabel('Origin', { exact: true })
  await box.fill('https://shop.example.com')
  await box.press('Enter')
  await grace.main.locator('code', { hasText: 'https://shop.example.com' }).waitFor()
  await grace.button('Remove https://shop.example.com').click()
  await gone(grace.main.locator('code', { hasText: 'https://shop.example.com' }))
})

test('a viewer reads everything and changes nothing, whatever they try', async () => {
  const kay = await Teammate.open(browser, suite, { name: 'Kay Antonelli' })
  await kay.ticket(EXPORT)
  await kay.text('You need the Agent role to work on tickets.').first().waitFor()
  assert.equal(await kay.message.count(), 0)
  assert.equal(await kay.state.count(), 0)
  const status = await kay.page.evaluate(async (stateId) => {
    const answer = await fetch('/messenger.bff.v1.ConsoleService/SetTicketState', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ticketId: '3', stateId })
    })
    return answer.status
  }, suite.states.RESOLVED)
  assert.equal(status, 403)
  await kay.go(SPACES)
  await kay.text('You need the Admin role to change settings.').waitFor()
  await kay.switch('Tickets space on Web').click({ force: true })
  assert.equal(await kay.switch('Tickets space on Web').getAttribute('aria-checked'), 'true')
  await kay.close()
})

test('a session that has ended asks for a login, and what was written is still there after it', async () => {
  await grace.go('/console/tickets')
  await grace.ticket(EXPORT)
  await grace.message.fill('Half a sentence')
  await grace.context.clearCookies()
  await grace.text('Your session has ended.').first().waitFor()
  const address = grace.page.url()
  await grace.button('Log in again').click()
  await grace.choose()
  await grace.main.getByRole('heading', { name: EXPORT, level: 1 }).waitFor()
  assert.equal(grace.page.url(), address)
  await until(async () => (await grace.message.inputValue()) === 'Half a sentence')
})

test('offline it says so and keeps what it has; back online it goes on', async () => {
  await grace.context.setOffline(true)
  await grace.text(/You're offline. Showing what we had at/).waitFor()
  await grace.main.getByRole('heading', { name: EXPORT, level: 1 }).waitFor()
  assert.equal(await grace.button('Send').isDisabled(), true)
  await grace.context.setOffline(false)
  await gone(grace.page.locator('.strip.offline'))
  await until(() => grace.button('Send').isEnabled())
})

test('it is worked by keyboard alone', async () => {
  await grace.go('/console/tickets')
  await grace.main.locator('.row').first().waitFor()
  const { keyboard } = grace.page
  await keyboard.press('j')
  await keyboard.press('j')
  const second = await grace.main.locator('.row-title').nth(1).textContent()
  await keyboard.press('Enter')
  await grace.main.getByRole('heading', { name: second, level: 1 }).waitFor()
  await until(() => grace.page.evaluate(() => document.activeElement?.tagName === 'H1'))
  await keyboard.press('r')
  await keyboard.type('by keyboard')
  assert.equal(await grace.message.inputValue(), 'by keyboard')
  await keyboard.press('Shift+Tab')
  await keyboard.press('e')
  await until(() => grace.page.evaluate(() => document.activeElement?.id === 'ticket-state'))
})

test('who stands on a ticket in the list still does when it moves to the top', async () => {
  await grace.go('/console/tickets')
  const row = grace.main.locator('.row', { hasText: EXPORT })
  await row.focus()
  assert.notEqual(await grace.main.locator('.row-title').first().textContent(), EXPORT)
  await suite.call('TicketService/ChangeTicketState', { ticket_id: '#3', state_id: suite.states.RESOLVED })
  await until(async () => (await grace.main.locator('.row-title').first().textContent()) === EXPORT)
  assert.equal(
    await grace.page.evaluate(() => document.activeElement?.querySelector('.row-title')?.textContent),
    EXPORT
  )
})

test('logging out ends it', async () => {
  await grace.button('Log out').click()
  await grace.page.getByRole('link', { name: 'Log in' }).waitFor()
  await grace.go('/console/tickets')
  await grace.page.getByText('Log in').first().waitFor()
})

test('no page of the console complained', () => {
  // the browser itself tells of calls that were refused, on purpose, and of those that it had no network for
  const others = grace.complaints.filter((one) => !/status of (400|401|409)|ERR_INTERNET_DISCONNECTED/.test(one))
  assert.deepEqual(others, [])
})
