/** What a teammate does to the ticket that is open. */
import { signal } from '@preact/signals'
import type { Api } from '../api'
import { t } from '../i18n'
import type { Conversation, Ticket } from '../model'
import type { Drafts } from './drafts'
import { type Failure, failure } from './failure'
import { says } from './says'

/** A control of the ticket's page, at which is told what went wrong there. */
export type Control = 'state' | 'share' | 'link' | 'assignee' | 'open' | 'details' | 'talk'

export function createWork(
  api: Api,
  drafts: Drafts,
  changed: (ticket: Ticket | undefined) => void,
  talked: (conversation: Conversation) => void,
  reload: () => Promise<unknown>,
  tell: (text: string) => void
) {
  const busy = signal<Control | undefined>()
  const problem = signal<{ at: Control; text: string } | undefined>()

  async function act(at: Control, run: (requestId: string) => Promise<Ticket>, done: (ticket: Ticket) => string) {
    if (busy.value) return false
    busy.value = at
    problem.value = undefined
    try {
      const ticket = await run(crypto.randomUUID())
      changed(ticket)
      tell(done(ticket))
      return true
    } catch (thrown) {
      await failed(at, failure(thrown))
      return false
    } finally {
      busy.value = undefined
    }
  }

  async function failed(at: Control, why: Failure) {
    if (why.kind === 'stale') await reload()
    if (why.kind !== 'ended') problem.value = { at, text: says(why, 'ticket') }
  }

  const versioned = (ticket: Ticket, requestId: string) => ({
    requestId,
    ticketId: ticket.id,
    expectedVersion: ticket.version
  })

  /** Sends; the draft stays until it got there. */
  async function send(ticketId: string, key: string, run: (requestId: string) => Promise<void>) {
    const requestId = drafts.requestId(ticketId, key)
    drafts.change(ticketId, { sending: true, attempt: { requestId, key }, problem: '', half: undefined })
    try {
      await run(requestId)
      drafts.change(ticketId, { sending: false, attempt: undefined })
      reload()
    } catch (thrown) {
      const why = failure(thrown)
      drafts.change(ticketId, { sending: false, problem: why.kind === 'ended' ? '' : says(why, 'send') })
    }
  }

  async function reply(ticketId: string, body: string, stateId: string, requestId: string) {
    const answer = await api.reply({ requestId, ticketId, body, stateId })
    changed(answer.ticket)
    const half = answer.stateProblem ? { requestId, body, stateId, why: answer.stateProblem } : undefined
    drafts.change(ticketId, { half })
    if (!half) tell(stateId ? t('sent.with_state', { state: answer.ticket?.state.internal ?? '' }) : t('sent'))
  }

  return {
    busy,
    problem,
    setState: (ticket: Ticket, stateId: string) =>
      act(
        'state',
        (id) => api.setState({ ...versioned(ticket, id), stateId }),
        ({ state }) => t('state.set', { state: state.internal })
      ),
    setShared: (ticket: Ticket, shared: boolean) =>
      act(
        'share',
        (id) => api.setShared({ ...versioned(ticket, id), shared }),
        () => t(shared ? 'share.done' : 'share.undone')
      ),
    link: (ticket: Ticket, conversationId: string) =>
      act(
        'link',
        (id) => api.setConversation({ ...versioned(ticket, id), conversationId }),
        () => t(conversationId ? 'link.done' : 'link.undone')
      ),
    assign: (ticket: Ticket, assigneeTeammateId: string, name: string) =>
      act(
        'assignee',
        (id) => api.edit({ ...versioned(ticket, id), assigneeTeammateId }),
        () => (assigneeTeammateId ? t('assignee.done', { name }) : t('assignee.undone'))
      ),
    setOpen: (ticket: Ticket, open: boolean) =>
      act(
        'open',
        (id) => api.edit({ ...versioned(ticket, id), open }),
        () => t(open ? 'open.done' : 'open.undone')
      ),
    /** Closes the ticket's conversation, or reopens it. */
    async setTalkOpen(conversationId: string, open: boolean) {
      if (busy.value) return
      busy.value = 'talk'
      problem.value = undefined
      try {
        talked(await api.setConversationOpen({ requestId: crypto.randomUUID(), conversationId, open }))
        tell(t(open ? 'conversation.reopen_done' : 'conversation.close_done'))
        reload()
      } catch (thrown) {
        await failed('talk', failure(thrown))
      } finally {
        busy.value = undefined
      }
    },
    describe: (ticket: Ticket, change: { title?: string; description?: string }) =>
      act(
        'details',
        (id) => api.edit({ ...versioned(ticket, id), ...change }),
        () => t('details.done')
      ),
    /** Sends what is in the composer; with a state, the ticket then moves there. */
    send(ticketId: string, stateId = '') {
      const draft = drafts.of(ticketId)
      const body = draft[draft.mode].trim()
      if (!body || draft.sending) return
      // with a state or without, it is the same message: told of no answer, one may try either button
      return send(ticketId, `${draft.mode} ${body}`, async (requestId) => {
        if (draft.mode === 'note') {
          await api.note({ requestId, ticketId, body })
          tell(t('noted'))
        } else await reply(ticketId, body, stateId, requestId)
        // what was typed on while it was sent stays
        if (drafts.of(ticketId)[draft.mode].trim() === body) drafts.change(ticketId, { [draft.mode]: '' })
      })
    },
    /** Does what is missing of a reply whose state did not change: by its request id the reply is not sent again. */
    retryState(ticketId: string) {
      const { half } = drafts.of(ticketId)
      if (!half) return
      drafts.change(ticketId, { attempt: { requestId: half.requestId, key: 'half' } })
      return send(ticketId, 'half', async () => {
        try {
          await reply(ticketId, half.body, half.stateId, half.requestId)
        } catch (thrown) {
          drafts.change(ticketId, { half })
          throw thrown
        }
      })
    }
  }
}

export type Work = ReturnType<typeof createWork>
