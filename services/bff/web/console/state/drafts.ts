/** What a teammate has begun to write, ticket by ticket, for as long as the page lives; and over a login. */
import { signal } from '@preact/signals'

export interface Draft {
  mode: 'reply' | 'note'
  reply: string
  note: string
  sending: boolean
  /** Sent and unanswered: sent again unchanged, it goes by the same request id, and arrives once. */
  attempt: { requestId: string; key: string } | undefined
  /** The reply got there and the state did not change. */
  half: { requestId: string; body: string; stateId: string; why: string } | undefined
  problem: string
}

const blank: Draft = {
  mode: 'reply',
  reply: '',
  note: '',
  sending: false,
  attempt: undefined,
  half: undefined,
  problem: ''
}

const STOWED = 'msgr.console.drafts'

export function createDrafts() {
  const drafts = signal<Record<string, Draft>>({})
  const of = (ticketId: string) => drafts.value[ticketId] ?? blank
  return {
    of,
    change(ticketId: string, change: Partial<Draft>) {
      drafts.value = { ...drafts.value, [ticketId]: { ...of(ticketId), ...change } }
    },
    /** The id under which this is sent: the one of before, if it is the same again. */
    requestId(ticketId: string, key: string): string {
      const { attempt } = of(ticketId)
      return attempt?.key === key ? attempt.requestId : crypto.randomUUID()
    },
    /** Keeps what is written while the page is away to log in; for this tab and this teammate. */
    stow(teammateId: string) {
      const written = Object.entries(drafts.value).filter(([, { reply, note }]) => reply || note)
      const kept = written.map(([id, { mode, reply, note }]) => [id, { mode, reply, note }])
      try {
        sessionStorage.setItem(STOWED, JSON.stringify({ teammateId, drafts: Object.fromEntries(kept) }))
      } catch {
        // without storage they are lost with the page
      }
    },
    /** Takes back what was kept, once; somebody else's is thrown away. */
    restore(teammateId: string) {
      try {
        const kept = JSON.parse(sessionStorage.getItem(STOWED) ?? 'null')
        sessionStorage.removeItem(STOWED)
        if (kept?.teammateId !== teammateId) return
        for (const [id, { mode, reply, note }] of Object.entries<Partial<Draft>>(kept.drafts ?? {}))
          drafts.value = {
            ...drafts.value,
            [id]: { ...blank, mode: mode === 'note' ? 'note' : 'reply', reply: String(reply), note: String(note) }
          }
      } catch {
        // what cannot be read was not ours
      }
    }
  }
}

export type Drafts = ReturnType<typeof createDrafts>
