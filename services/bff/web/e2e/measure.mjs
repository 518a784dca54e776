/** What a customer waits for, and what a page pays, on this machine: npm run measure [-- ROUNDS] */
import { hostPage, userToken, WATCHING } from './host.mjs'
import { Customer, inside, startBrowser, startSuite, Teammate, until } from './world.mjs'

const rounds = Number(process.argv[2] ?? 20)
/** The slower processor that a page's cost is measured with. */
const SLOWER = 4

const suite = await startSuite()
const browser = await startBrowser()

function tell(what, times, unit = 'ms') {
  const sorted = times.filter(Number.isFinite).sort((a, b) => a - b)
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)]?.toFixed(0) ?? '-'
  console.log(
    `${what.padEnd(58)} median ${at(0.5).padStart(5)} ${unit}, p95 ${at(0.95).padStart(5)}, of ${sorted.length}`
  )
}

/** A call of a customer's own, in the session of their page. */
function calls(customer) {
  let authorization
  customer.page.on('request', (request) => {
    authorization = request.headers().authorization ?? authorization
  })
  return async (method, body) => {
    const headers = { 'content-type': 'application/json', authorization }
    const url = `${suite.bff}/messenger.bff.v1.MessengerService/${method}`
    return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).json()
  }
}

/** From a teammate's choice in the console to the number on the launcher, with the console's own answer on the way. */
async function badge() {
  const ada = await Customer.open(browser, suite, {}, { url: 'about:blank', ready: false })
  const call = calls(ada)
  await ada.page.goto(`${suite.shop}/?user=ada`)
  await ada.badge.filter({ hasText: /\d/ }).waitFor()
  await ada.page.evaluate(() => {
    const badge = document.querySelector('msgr-messenger').shadowRoot.querySelector('.launcher b')
    new MutationObserver(() => {
      window.painted = Date.now()
    }).observe(badge, { childList: true, characterData: true, subtree: true })
  })
  const { tickets } = await call('ListTickets', {})
  const { ticketId } = tickets.find((ticket) => Number(ticket.number) === 4)
  const read = async () => {
    const { ticket } = await call('GetTicket', { ticketId })
    const before = await ada.badge.textContent()
    await call('MarkTicketRead', { ticketId, upToRevision: ticket.summary.revision })
    if (ticket.summary.unread) await until(async () => (await ada.badge.textContent()) !== before)
  }
  const grace = await Teammate.open(browser, suite)
  await grace.page.evaluate(() => {
    const { fetch } = window
    window.fetch = async (...request) => {
      const mine = String(request[0]).endsWith('/SetTicketState')
      if (mine) window.asked = Date.now()
      const answer = await fetch(...request)
      if (mine) window.answered = Date.now()
      return answer
    }
    document.addEventListener('change', () => Object.assign(window, { chosen: Date.now() }), true)
  })
  await grace.ticket('Printer on the third floor is on fire')
  const [whole, answer, rest] = [[], [], []]
  for (let round = 0; round <= rounds; round++) {
    await read()
    await ada.page.evaluate(() => Object.assign(window, { painted: 0 }))
    await grace.page.evaluate(() => Object.assign(window, { answered: 0 }))
    await grace.state.selectOption(round % 2 ? suite.states.SUBMITTED : suite.states.IN_PROGRESS)
    const painted = await (await ada.page.waitForFunction(() => window.painted)).jsonValue()
    await grace.page.waitForFunction(() => window.answered)
    const { chosen, asked, answered } = await grace.page.evaluate(() => ({
      chosen: window.chosen,
      asked: window.asked,
      answered: window.answered
    }))
    // the first of all warms things up
    if (!round) continue
    whole.push(painted - chosen)
    answer.push(answered - asked)
    rest.push(painted - answered)
  }
  tell('a status chosen in the console, to the badge', whole)
  tell('  of this, until the console has its answer', answer)
  tell('  and from there (less than 0: the badge was first)', rest)
  await grace.close()
  await ada.close()
}

/** From the press of the launcher to what is painted: the panel's frame in the page, its content in the iframe. */
async function opening() {
  const ada = await Customer.open(browser, suite, { user: 'ada' })
  await ada.show()
  await ada.heading(/Hi Ada/).waitFor()
  await ada.call('hide')
  await ada.page.evaluate(() => {
    const button = document.querySelector('msgr-messenger').shadowRoot.querySelector('.launcher')
    button.addEventListener('click', (event) => {
      window.pressed = performance.timeOrigin + event.timeStamp
      requestAnimationFrame(() =>
        setTimeout(() => {
          window.framed = performance.timeOrigin + performance.now()
        })
      )
    })
  })
  const frame = inside(ada)
  await frame.evaluate(() => {
    document.addEventListener('focusin', () =>
      requestAnimationFrame(() =>
        setTimeout(() => {
          window.filled = performance.timeOrigin + performance.now()
        })
      )
    )
  })
  const [panel, content] = [[], []]
  for (let round = 0; round <= rounds; round++) {
    await frame.evaluate(() => Object.assign(window, { filled: 0 }))
    await ada.launcher.click()
    await frame.waitForFunction(() => window.filled)
    const { pressed, framed } = await ada.page.evaluate(() => ({ pressed: window.pressed, framed: window.framed }))
    const filled = await frame.evaluate(() => window.filled)
    await ada.call('hide')
    if (!round) continue
    panel.push(framed - pressed)
    content.push(filled - pressed)
  }
  tell('click to panel', panel)
  tell('click to content, warm', content)
  await ada.close()
}

/** What a page of another site goes through, with the Messenger and without, on a slower processor. */
async function cost() {
  // as outside of tests: another site's iframe is another process's work
  const browser = await startBrowser('--site-per-process')
  const settings = { app_id: suite.app, user_jwt: await userToken(suite, 'ada') }
  for (const [what, given] of [
    ['without', undefined],
    ['with it', settings]
  ]) {
    const host = await hostPage(suite.bff, given, 'localhost')
    const [count, longest, loader, shift, heap] = [[], [], [], [], []]
    for (let round = 0; round < Math.ceil(rounds / 2); round++) {
      const context = await browser.newContext({ viewport: { width: 1100, height: 800 } })
      const page = await context.newPage()
      const customer = new Customer(context, page, suite)
      await page.addInitScript(WATCHING)
      const devtools = await context.newCDPSession(page)
      await devtools.send('Emulation.setCPUThrottlingRate', { rate: SLOWER })
      await page.goto(host.url)
      if (given) {
        await customer.launcher.waitFor()
        await customer.badge.filter({ hasText: /\d/ }).waitFor()
        await customer.show()
        await customer.call('hide')
      }
      // what is observed is told a frame later
      await page.evaluate(
        () => new Promise((done) => setTimeout(() => requestAnimationFrame(() => setTimeout(done)), 200))
      )
      const seen = await page.evaluate(() => window.seen)
      count.push(seen.long.length)
      longest.push(Math.max(0, ...seen.long))
      shift.push(seen.shifts.reduce((all, one) => all + one, 0) * 1000)
      loader.push(Math.max(0, ...seen.loader))
      if (given) {
        const within = await context.newCDPSession(inside(customer))
        heap.push((await within.send('Runtime.getHeapUsage')).usedSize / 1024)
      }
      await context.close()
    }
    host.close()
    tell(`a host page ${what}: tasks over 50 ms, at ${SLOWER}x slower`, count, '  ')
    tell('  the longest of them', longest)
    tell('  of this, the loader’s script', loader)
    tell('  layout shift, in thousandths', shift, '  ')
    if (given) tell('  heap of the closed Messenger, in its own process', heap, 'KB')
  }
  await browser.close()
}

try {
  await badge()
  await opening()
  await cost()
} finally {
  await browser.close()
  await suite.stop()
}
