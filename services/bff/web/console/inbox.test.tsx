import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/preact'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RpcError } from '../rpc/errors'
import { conversation, part, STATES, ticket, world } from './testing'

let made: ReturnType<typeof world>
const open = (...of: Parameters<typeof world>) => {
  made = world(...of)
  return made
}
beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= () => {}
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe() {}
      disconnect() {}
    }
  )
})
afterEach(() => {
  made?.leave()
  cleanup()
  vi.unstubAllGlobals()
  sessionStorage.clear()
})

const message = () => screen.findByLabelText('Reply to the customer') as Promise<HTMLTextAreaElement>
const type = async (text: string) => fireEvent.input(await message(), { target: { value: text } })
/** A refusal as the server words it. */
const refusal = (reason: string) => new RpcError('failed_precondition', 'not now', '', 0, reason)

describe('the inbox', () => {
  it('shows teammates their own word for a state, and how many there are of each', async () => {
    open('/console/tickets', { ListInbox: () => ({ tickets: [{ ticket: ticket({ state: STATES[1] }) }], counts: [] }) })
    await screen.findByText('Being worked on')
    screen.getByText('Refund for order 1042')
  })

  it('asks for what the address says', async () => {
    const { calls } = open('/console/tickets?state=waiting&shared=no&q=refund')
    await waitFor(() => expect(calls('ListInbox')).not.toEqual([]))
    expect(calls('ListInbox')[0]).toMatchObject({
      category: 'STATE_CATEGORY_WAITING_ON_CUSTOMER',
      shared: false,
      text: 'refund'
    })
  })

  it('says so when there is nothing', async () => {
    open('/console/tickets', { ListInbox: () => ({}) })
    await screen.findByText('No tickets here.')
  })

  it('offers to try again when it cannot be loaded, and then does', async () => {
    let fails = true
    open('/console/tickets', {
      ListInbox: () => {
        if (fails) throw new RpcError('internal', 'boom', 'req_1')
        return { tickets: [{ ticket: ticket() }] }
      }
    })
    await screen.findByText(/Ref: req_1/)
    expect(screen.queryByText(/boom/)).toBeNull()
    fails = false
    fireEvent.click(screen.getByText('Try again'))
    await screen.findByText('Refund for order 1042')
  })

  it('keeps what it shows while it cannot be refreshed, and says so', async () => {
    const { answers, desk } = open('/console/tickets')
    await screen.findByText('Refund for order 1042')
    answers.ListInbox = () => {
      throw new RpcError('unavailable')
    }
    await desk.reloadList()
    await screen.findByText(/The server doesn't answer/)
    screen.getByText('Refund for order 1042')
  })

  it('loads more behind what is there, and nothing twice', async () => {
    open('/console/tickets', {
      ListInbox: ({ pageToken }) =>
        pageToken
          ? { tickets: [{ ticket: ticket() }, { ticket: ticket({ ticketId: 'tkt_2', title: 'Second' }) }] }
          : { tickets: [{ ticket: ticket() }], nextPageToken: 'p2' }
    })
    fireEvent.click(await screen.findByText('Load more'))
    await screen.findByText('Second')
    expect(screen.getAllByText('Refund for order 1042')).toHaveLength(1)
  })
})

describe('a conversation', () => {
  it('is closed and reopened by a button, and whoever writes there is told that it is closed', async () => {
    let state = 'CONVERSATION_STATE_OPEN'
    const { calls } = open('/console/tickets/tkt_1', {
      GetInboxTicket: () => ({ ticket: ticket(), requesters: [], conversation: conversation({ state }) }),
      SetConversationOpen: ({ open }) => {
        state = open ? 'CONVERSATION_STATE_OPEN' : 'CONVERSATION_STATE_CLOSED'
        return { conversation: conversation({ state }) }
      }
    })
    const told = () => screen.queryByText(/^This conversation is closed/)
    fireEvent.click(await screen.findByRole('button', { name: 'Close conversation' }))
    const reopen = await screen.findByRole('button', { name: 'Reopen conversation' })
    expect(told()).not.toBeNull()
    fireEvent.click(reopen)
    await screen.findByRole('button', { name: 'Close conversation' })
    expect(told()).toBeNull()
    expect(calls('SetConversationOpen').map((body) => body.open)).toEqual([false, true])
  })
})

describe('a long list', () => {
  const SERVER = 260
  const all = Array.from({ length: SERVER }, (_, at) => ({
    ticket: ticket({ ticketId: `tkt_${at}`, number: String(at), title: `Ticket ${at}` })
  }))
  /** A server with so many tickets that gives at most 100 at once. */
  const server = ({ pageSize, pageToken }: Record<string, unknown>) => {
    const from = Number(pageToken || 0)
    const to = from + Math.min(100, Number(pageSize))
    return { tickets: all.slice(from, to), nextPageToken: to < SERVER ? String(to) : '' }
  }
  const shown = () => document.querySelectorAll('.row').length
  async function show(count: number, desk: ReturnType<typeof world>['desk']) {
    await waitFor(() => expect(shown()).toBe(20))
    while (shown() < count) {
      const before = shown()
      desk.inbox.more()
      await waitFor(() => expect(shown()).toBeGreaterThan(before))
    }
  }

  it('of more rows than a page holds keeps all of them when it is looked at again', async () => {
    const { desk } = open('/console/tickets', { ListInbox: server })
    await show(160, desk)
    await desk.reloadList()
    expect(shown()).toBe(160)
    // and goes on behind them, without a hole or one twice
    desk.inbox.more()
    await waitFor(() => expect(shown()).toBe(180))
    const titles = [...document.querySelectorAll('.row-title')].map((row) => row.textContent)
    expect(titles).toEqual(all.slice(0, 180).map((row) => row.ticket.title))
  })

  it('drops what has gone from it far below, too', async () => {
    const { desk, answers } = open('/console/tickets', { ListInbox: server })
    await show(160, desk)
    const gone = all.filter((row) => row.ticket.ticketId !== 'tkt_150')
    answers.ListInbox = ({ pageSize, pageToken }) => {
      const from = Number(pageToken || 0)
      const to = from + Math.min(100, Number(pageSize))
      return { tickets: gone.slice(from, to), nextPageToken: String(to) }
    }
    await desk.reloadList()
    expect(screen.queryByText('Ticket 150')).toBeNull()
    expect(shown()).toBe(160)
  })

  it('ends somewhere, and says how to see the others', async () => {
    const endless = ({ pageSize, pageToken }: Record<string, unknown>) => {
      const from = Number(pageToken || 0)
      const to = from + Number(pageSize)
      const rows = Array.from({ length: to - from }, (_, at) => ({ ticket: ticket({ ticketId: `tkt_${from + at}` }) }))
      return { tickets: rows, nextPageToken: String(to) }
    }
    const { desk } = open('/console/tickets', { ListInbox: endless })
    await show(500, desk)
    await screen.findByText('The first 500 are shown. Filter the list to see others.')
    expect(screen.queryByText('Load more')).toBeNull()
    await desk.reloadList()
    expect(shown()).toBe(500)
  })
})

describe('a ticket', () => {
  it('changes its state, and says what the customer sees', async () => {
    const { calls } = open('/console/tickets/tkt_1', {
      SetTicketState: () => ({ ticket: ticket({ state: STATES[2], version: '4' }) })
    })
    const select = (await screen.findByLabelText('State')) as HTMLSelectElement
    fireEvent.change(select, { target: { value: 'tst_w' } })
    await screen.findByText('Customer sees: Waiting on you')
    expect(calls('SetTicketState')[0]).toMatchObject({ ticketId: 'tkt_1', stateId: 'tst_w', expectedVersion: '3' })
    expect([...select.querySelectorAll('optgroup')].map((group) => group.label)).toEqual([
      'Submitted',
      'In progress',
      'Waiting on customer',
      'Resolved'
    ])
  })

  it('that somebody else has changed meanwhile is shown as it is now', async () => {
    const { answers } = open('/console/tickets/tkt_1', {
      SetTicketState: () => {
        throw new RpcError('aborted', 'stale', '', 0, 'STALE_VERSION')
      }
    })
    const select = await screen.findByLabelText('State')
    answers.GetInboxTicket = () => ({ ticket: ticket({ state: STATES[3], version: '9' }), requesters: [] })
    fireEvent.change(select, { target: { value: 'tst_w' } })
    await screen.findByText('Someone else changed this ticket. Showing the latest.')
    await screen.findByText('Customer sees: Resolved')
  })

  it('keeps what a colleague wrote while somebody had the window open, and sends only what was changed', async () => {
    const { answers, calls, desk } = open('/console/tickets/tkt_1', {
      EditTicket: () => ({ ticket: ticket({ title: 'By Alan', description: 'Mine', version: '5' }) })
    })
    fireEvent.click(await screen.findByRole('button', { name: 'Edit' }))
    const title = await screen.findByLabelText('Title')
    answers.GetInboxTicket = () => ({ ticket: ticket({ title: 'By Alan', version: '4' }), requesters: [] })
    await desk.opened.load()
    fireEvent.input(title, { target: { value: 'By Grace' } })
    fireEvent.click(screen.getByRole('button', { name: 'Save' }))
    await screen.findByText(/Somebody else changed the title meanwhile, to “By Alan”/)
    expect(calls('EditTicket')).toEqual([])
    fireEvent.input(title, { target: { value: 'By Alan' } })
    fireEvent.input(screen.getByLabelText('Description'), { target: { value: 'Mine' } })
    fireEvent.click(screen.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(calls('EditTicket').length).toBe(1))
    expect(calls('EditTicket')[0]).toMatchObject({ description: 'Mine', expectedVersion: '4' })
    expect(calls('EditTicket')[0]).not.toHaveProperty('title')
  })

  it('of a back-office type is shared, and says why when the conversation has one already', async () => {
    const office = { typeId: 'tty_office', shareable: true, shared: false }
    const { calls } = open('/console/tickets/tkt_1', {
      GetInboxTicket: () => ({ ticket: ticket(office), requesters: [], conversation: conversation() }),
      SetTicketShared: () => {
        throw refusal('SHARED_TICKET_EXISTS')
      }
    })
    const share = await screen.findByRole('switch', { name: 'Shared with customer' })
    expect(share.getAttribute('aria-checked')).toBe('false')
    screen.getByText(/Only your team sees this ticket/)
    fireEvent.click(share)
    await screen.findByText('This conversation already has a ticket shared with the customer.')
    expect(calls('SetTicketShared')[0]).toMatchObject({ shared: true })
    expect(share.getAttribute('aria-checked')).toBe('false')
  })

  it('of a customer type is always shared, and says why', async () => {
    const { calls } = open('/console/tickets/tkt_1')
    const share = await screen.findByRole('switch', { name: 'Shared with customer' })
    screen.getByText('Tickets of this type come from customers, who always see them.')
    fireEvent.click(share)
    expect(calls('SetTicketShared')).toEqual([])
  })

  it('is linked to one of its requester’s conversations', async () => {
    const { calls } = open('/console/tickets/tkt_1', {
      GetInboxTicket: () => ({ ticket: ticket({ conversationId: '' }), requesters: [] }),
      ListContactThreads: () => ({
        conversations: [conversation({ conversationId: 'cnv_9', preview: 'About my order' })]
      }),
      SetTicketConversation: () => ({ ticket: ticket({ conversationId: 'cnv_9', version: '4' }) })
    })
    fireEvent.click(await screen.findByRole('button', { name: 'Link conversation' }))
    fireEvent.click(await screen.findByLabelText(/About my order/))
    const dialog = within(screen.getByRole('dialog'))
    fireEvent.click(dialog.getByRole('button', { name: 'Link conversation' }))
    await screen.findByText('The conversation is linked.')
    expect(calls('ListContactThreads')[0]).toMatchObject({ contactId: 'con_ada' })
    expect(calls('SetTicketConversation')[0]).toMatchObject({ conversationId: 'cnv_9', expectedVersion: '3' })
  })

  it('that is not there says so, and leads back', async () => {
    open('/console/tickets/tkt_404', {
      GetInboxTicket: () => {
        throw new RpcError('not_found')
      }
    })
    await screen.findByText("This ticket isn't available.")
  })

  it('shows a note apart from what the customer sees', async () => {
    open('/console/tickets/tkt_1', {
      ListTimeline: () => ({ parts: [part(1, { kind: 'PART_KIND_NOTE', body: 'call him' })] })
    })
    const note = (await screen.findByText('call him')).closest('article')
    expect(note?.className).toContain('note')
    within(note as HTMLElement).getByText('Internal note')
  })

  it('says that something new stands below what one reads', async () => {
    const { answers, desk } = open('/console/tickets/tkt_1')
    await screen.findByText('text 1')
    const box = screen.getByRole('log')
    Object.defineProperties(box, {
      scrollHeight: { value: 900 },
      clientHeight: { value: 300 },
      scrollTop: { value: 0, writable: true }
    })
    fireEvent.scroll(box)
    answers.GetInboxTicket = () => ({ ticket: ticket(), requesters: [], conversation: conversation({ headSeq: '2' }) })
    answers.ListTimeline = () => ({ parts: [part(2), part(1)] })
    await desk.reloadTicket()
    await screen.findByText('1 new message below')
  })
})

describe('the composer', () => {
  it('sends a reply with Ctrl+Enter', async () => {
    const { calls } = open('/console/tickets/tkt_1', { ReplyToTicket: () => ({ part: part(2), ticket: ticket() }) })
    await type('On its way.')
    fireEvent.keyDown(await message(), { key: 'Enter', ctrlKey: true })
    await screen.findByText('Sent.')
    expect(calls('ReplyToTicket')[0]).toMatchObject({ ticketId: 'tkt_1', body: 'On its way.', stateId: '' })
    expect((await message()).value).toBe('')
  })

  it('sends and sets the state in one step', async () => {
    const { calls } = open('/console/tickets/tkt_1', {
      ReplyToTicket: () => ({ part: part(2), ticket: ticket({ state: STATES[2], version: '4' }) })
    })
    await type('Which size?')
    fireEvent.click(await screen.findByRole('button', { name: 'Send and set state…' }))
    const menu = document.getElementById('send-states') as HTMLElement
    fireEvent.click(within(menu).getByText('Waiting on customer'))
    await screen.findByText('Sent. The state is now “Waiting on customer”.')
    expect(calls('ReplyToTicket')[0]).toMatchObject({ stateId: 'tst_w' })
  })

  it('says when the reply was sent and the state did not change, and retries under the same request id', async () => {
    let fails = true
    const { calls } = open('/console/tickets/tkt_1', {
      ReplyToTicket: () =>
        fails
          ? { part: part(2), ticket: ticket(), stateProblem: 'The state is archived.' }
          : { part: part(2), ticket: ticket({ state: STATES[2], version: '4' }) }
    })
    await type('Which size?')
    fireEvent.click(await screen.findByRole('button', { name: 'Send and set state…' }))
    fireEvent.click(within(document.getElementById('send-states') as HTMLElement).getByText('Waiting on customer'))
    await screen.findByText(/Reply sent, but the state didn't change\./)
    expect((await message()).value).toBe('')
    fails = false
    fireEvent.click(screen.getByText('Retry'))
    await waitFor(() => expect(screen.queryByText(/Reply sent, but/)).toBeNull())
    const [first, second] = calls('ReplyToTicket')
    expect(second).toEqual(first)
  })

  it('keeps what could not be sent, and sends it again under the same request id', async () => {
    let fails = true
    const { calls } = open('/console/tickets/tkt_1', {
      ReplyToTicket: () => {
        if (fails) throw new RpcError('unavailable')
        return { part: part(2), ticket: ticket() }
      }
    })
    await type('On its way.')
    fireEvent.click(screen.getByRole('button', { name: 'Send' }))
    await screen.findByText(/Not sent/)
    expect((await message()).value).toBe('On its way.')
    fails = false
    fireEvent.click(screen.getByRole('button', { name: 'Send' }))
    await screen.findByText('Sent.')
    const ids = calls('ReplyToTicket').map((body) => body.requestId)
    expect(new Set(ids).size).toBe(1)
  })

  it('is one message whichever button sends it again after no answer came', async () => {
    let fails = true
    const { calls } = open('/console/tickets/tkt_1', {
      ReplyToTicket: () => {
        if (fails) throw new RpcError('unavailable')
        return { part: part(2), ticket: ticket({ state: STATES[2], version: '4' }) }
      }
    })
    await type('Which size?')
    fireEvent.click(screen.getByRole('button', { name: 'Send' }))
    await screen.findByText(/Not sent/)
    fails = false
    fireEvent.click(await screen.findByRole('button', { name: 'Send and set state…' }))
    fireEvent.click(within(document.getElementById('send-states') as HTMLElement).getByText('Waiting on customer'))
    await waitFor(() => expect(calls('ReplyToTicket').length).toBe(2))
    const [first, second] = calls('ReplyToTicket')
    expect(second).toMatchObject({ requestId: first?.requestId, stateId: 'tst_w' })
  })

  it('keeps a draft for each ticket, and notes apart from replies', async () => {
    const { desk } = open('/console/tickets/tkt_1')
    await type('half a sentence')
    fireEvent.click(screen.getByRole('tab', { name: 'Note' }))
    expect((screen.getByLabelText('Internal note') as HTMLTextAreaElement).value).toBe('')
    desk.go('/console/tickets')
    desk.go('/console/tickets/tkt_1')
    fireEvent.click(await screen.findByRole('tab', { name: 'Reply' }))
    expect((await message()).value).toBe('half a sentence')
  })

  it('asks to log in again when the session has ended, and keeps the draft over it', async () => {
    const { desk } = open('/console/tickets/tkt_1', {
      ReplyToTicket: () => {
        throw new RpcError('unauthenticated')
      }
    })
    await type('On its way.')
    fireEvent.click(screen.getByRole('button', { name: 'Send' }))
    await screen.findByText('Your session has ended.')
    const away = vi.spyOn(location, 'assign').mockImplementation(() => {})
    fireEvent.click(screen.getByText('Log in again'))
    expect(away.mock.calls[0]?.[0]).toBe('/console/login?return_to=%2Fconsole%2Ftickets%2Ftkt_1&app=app_1')
    desk.arrive()
    made.leave()
    cleanup()
    open('/console/tickets/tkt_1')
    await waitFor(async () => expect((await message()).value).toBe('On its way.'))
  })

  it('does not give a draft to somebody else who logs in', async () => {
    sessionStorage.setItem(
      'msgr.console.drafts',
      JSON.stringify({ teammateId: 'tea_alan', drafts: { tkt_1: { mode: 'reply', reply: 'mine', note: '' } } })
    )
    open('/console/tickets/tkt_1')
    expect((await message()).value).toBe('')
    expect(sessionStorage.getItem('msgr.console.drafts')).toBeNull()
  })

  it('is not there for a viewer, who is told which role is missing', async () => {
    open('/console/tickets/tkt_1', {}, 'ROLE_VIEWER')
    expect((await screen.findAllByText(/You need the Agent role/)).length).toBeGreaterThan(0)
    expect(screen.queryByLabelText('Reply to the customer')).toBeNull()
    expect(screen.queryByRole('combobox', { name: 'State' })).toBeNull()
  })
})

describe('keys', () => {
  it('move along the list, to the state and to the reply, and not while one writes', async () => {
    open('/console/tickets/tkt_1', {
      ListInbox: () => ({
        tickets: [{ ticket: ticket() }, { ticket: ticket({ ticketId: 'tkt_2', title: 'Second' }) }]
      })
    })
    await screen.findByText('Second')
    await message()
    const press = (key: string) => fireEvent.keyDown(document.activeElement ?? document.body, { key })
    press('j')
    expect(document.activeElement?.textContent).toContain('Second')
    press('k')
    expect(document.activeElement?.textContent).toContain('Refund')
    press('r')
    expect(document.activeElement?.id).toBe('message')
    press('k')
    expect(document.activeElement?.id).toBe('message')
    ;(document.activeElement as HTMLElement).blur()
    press('e')
    expect(document.activeElement?.id).toBe('ticket-state')
    ;(document.activeElement as HTMLElement).blur()
    press('?')
    await screen.findByText('Use single-key shortcuts')
  })
})
