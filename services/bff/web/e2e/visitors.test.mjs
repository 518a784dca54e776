/** People who do not say who they are, and what is theirs when they do. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hostPage } from './host.mjs'
import { Customer, startBrowser, startSuite, until } from './world.mjs'

let suite
let browser
let visitor
let contact
/** Everything that the browser asked for, and all that pages said. */
const seen = []
/** What must be nowhere but where it belongs. */
const secrets = []

before(async () => {
  suite = await startSuite()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await suite?.stop()
})

const kept = () => visitor.page.evaluate(() => ({ ...localStorage }))
const key = async () => `msgr.${await visitor.page.evaluate(() => window.messengerSettings.app_id)}.visitor`
const visit = (query = '?user=') => visitor.page.goto(`${suite.shop}/${query}`)
const write = async (text) => {
  await visitor.main.getByLabel('Your message').fill(text)
  await visitor.main.getByLabel('Your message').press('Enter')
  await visitor.main.locator('.message.mine .bubble', { hasText: text }).waitFor()
}

function listen(context) {
  context.on('request', (request) => seen.push(`${request.url()} ${request.headers().referer ?? ''}`))
  context.on('response', async (answer) => {
    if (!answer.url().includes('CreateSession') || !answer.ok()) return
    const { accessToken, visitorSecret } = await answer.json()
    secrets.push(accessToken, ...(visitorSecret ? [visitorSecret] : []))
  })
  context.on('console', (message) => seen.push(message.text()))
}

test('a visitor who has asked for nothing is nobody yet: no session, nothing kept', async () => {
  visitor = await Customer.open(browser, suite, { user: '' })
  listen(visitor.context)
  await visit()
  await visitor.launcher.waitFor()
  assert.deepEqual(await kept(), {})
  assert.deepEqual(
    seen.filter((url) => url.includes('CreateSession')),
    []
  )
})

test('a visitor is kept once they have written, and not before', async () => {
  await visitor.show()
  await visitor.tab(/Messages/).click()
  await visitor.button('Send us a message').first().click()
  assert.deepEqual(await kept(), {})
  await write('Do you grind beans?')
  await until(async () => (await kept())[await key()]?.startsWith('msgr_vis_'))
  contact = await visitor.contact()
  // that, and how the launcher looks, in the page's own storage, and nothing else anywhere
  const look = (await key()).replace('visitor', 'look')
  await until(async () => (await kept())[look])
  assert.deepEqual(Object.keys(await kept()).sort(), [look, await key()])
  assert.deepEqual(await visitor.context.cookies(), [])
  const inside = visitor.page.frames().filter((frame) => frame !== visitor.page.mainFrame())
  for (const frame of inside) assert.equal(await frame.evaluate(() => localStorage.length + sessionStorage.length), 0)
})

test('a visitor who comes back is recognised, and hears what was answered', async () => {
  const { conversations } = await suite.call('ConversationService/ListConversations')
  const theirs = conversations.find((one) => one.contactIds.includes(contact))
  await suite.call('ConversationService/SendMessage', {
    conversation_id: theirs.conversationId,
    body: 'We do, for any brewer.'
  })
  await visit()
  await until(async () => (await visitor.badge.textContent()) === '1')
  assert.equal(await visitor.contact(), contact)
  await visitor.show()
  await visitor.tab(/Messages/).click()
  await visitor.button(/We do, for any brewer/).click()
  await visitor.text('Do you grind beans?').waitFor()
})

test('a visitor who logs in finds the conversation and its ticket, and is a visitor no more', async () => {
  await suite.call('TicketService/CreateTicket', {
    requester_contact_id: contact,
    title: 'Ground too fine',
    description: 'For a press.'
  })
  await visitor.button(/Back to messages/).click()
  await visitor.tab(/Tickets/).waitFor()
  await visit('?user=chen')
  await visitor.show()
  assert.notEqual(await visitor.contact(), contact)
  await visitor.heading(/Hi Chen/).waitFor()
  await until(async () => !(await kept())[await key()])
  await visitor.tab(/Messages/).click()
  await visitor.button(/We do, for any brewer/).click()
  await visitor.text('Do you grind beans?').waitFor()
  await visitor.button(/Back to messages/).click()
  await visitor.tab(/Tickets/).click()
  await visitor.button(/Ground too fine/).click()
  await visitor.heading('Ground too fine').waitFor()
})

test('another tab of a visitor who logs in shows nothing of theirs any more', async () => {
  const context = await browser.newContext({ locale: 'en-US' })
  listen(context)
  const [one, two] = await Promise.all([context.newPage(), context.newPage()])
  await one.goto(`${suite.shop}/?user=`)
  visitor = new Customer(context, one, suite)
  await visitor.show()
  await visitor.call('startConversation', 'Is this the shop?')
  await visitor.main.locator('.message.mine .bubble', { hasText: 'Is this the shop?' }).waitFor()
  await until(async () => (await kept())[await key()])
  await two.goto(`${suite.shop}/?user=`)
  const other = new Customer(context, two, suite)
  await other.show()
  const before = await visitor.contact()
  assert.equal(await other.contact(), before)
  await visit('?user=ada')
  await visitor.show()
  await visitor.heading(/Hi Ada/).waitFor()
  await until(async () => {
    const gone = await other.text('Please sign in again').count()
    // the feed may tell the end of the session before the merge: then it begins anew, as somebody else
    return gone || (await other.contact()) !== before
  })
  assert.equal(await other.text('Is this the shop?').count(), 0)
  await visitor.close()
})

test('a visitor who is shut down is forgotten', async () => {
  visitor = await Customer.open(browser, suite, { user: '' })
  listen(visitor.context)
  await visitor.show()
  await visitor.call('startConversation', 'Only a question')
  await until(async () => (await kept())[await key()])
  await visitor.call('shutdown')
  assert.deepEqual(await kept(), {})
  await visitor.close()
})

test('a page may have a visitor forgotten who stays away for long', async () => {
  const host = await hostPage(suite.bff, { app_id: suite.app, session_duration: 3_600_000 })
  visitor = await Customer.open(browser, suite, {}, { url: host.url })
  listen(visitor.context)
  await visitor.show()
  await visitor.call('startConversation', 'Are you open on Sundays?')
  await until(async () => / \d+$/.test((await kept())[await key()]))
  const before = await visitor.contact()
  assert.equal(await visitor.call('getVisitorId'), before)
  // who comes back in time is the same, and the time begins anew
  const moved = (by) =>
    visitor.page.evaluate(
      ([name, by]) => {
        const [secret, until] = localStorage.getItem(name).split(' ')
        localStorage.setItem(name, `${secret} ${Number(until) + by}`)
        return Number(until)
      },
      [`msgr.${suite.app}.visitor`, by]
    )
  const first = await moved(-3_000_000)
  await visitor.page.goto(host.url)
  assert.equal(await visitor.contact(), before)
  await until(async () => Number((await kept())[await key()].split(' ')[1]) >= first)
  // who does not, is not
  await moved(-4_000_000)
  await visitor.page.goto(host.url)
  await until(async () => !(await kept())[await key()])
  await visitor.show()
  assert.notEqual(await visitor.contact(), before)
  await visitor.close()
  host.close()
})

test('no token and no secret is in an address, a referrer or what a page says', () => {
  assert.ok(secrets.length > 4)
  for (const secret of secrets) for (const line of seen) assert.ok(!line.includes(secret), line)
})
