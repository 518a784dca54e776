/** How long a changed status takes to the badge in a browser on this machine: node e2e/measure.mjs [TURNS] */
import { Customer, startBrowser, startSuite, until } from './world.mjs'

const turns = Number(process.argv[2] ?? 20)
const suite = await startSuite()
const browser = await startBrowser()
try {
  const ada = await Customer.open(browser, suite, { user: 'ada' })
  const { tickets } = await suite.call('MessengerService/ListTickets', {}, 'ada')
  const { ticketId } = tickets.find((ticket) => Number(ticket.number) === 4)
  const times = []
  for (let turn = 0; turn < turns; turn++) {
    for (const id of turn ? [ticketId] : tickets.map((ticket) => ticket.ticketId)) {
      await ada.call('showTicket', id)
      await ada.main.locator('.steps').waitFor()
      // seen for a second, it is read
      await until(async () => {
        const { ticket } = await suite.call('MessengerService/GetTicket', { ticket_id: id }, 'ada')
        return !ticket.summary.unread
      })
    }
    await ada.call('showSpace', 'home')
    await until(async () => !(await ada.tab(/unread update/).count()))
    const lit = ada.tab(/unread update/).waitFor()
    await suite.call('TicketService/ChangeTicketState', {
      ticket_id: ticketId,
      state_id: turn % 2 ? suite.states.SUBMITTED : suite.states.IN_PROGRESS
    })
    const answered = performance.now()
    await lit
    times.push(Math.max(0, performance.now() - answered))
  }
  times.sort((a, b) => a - b)
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))].toFixed(0)
  console.log(`after the answer to the teammate: median ${at(0.5)} ms, slowest ${at(1)} ms`)
} finally {
  await browser.close()
  await suite.stop()
}
