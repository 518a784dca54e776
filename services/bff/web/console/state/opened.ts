/** The ticket that is open: itself, its conversation's timeline, its history. */
import { signal } from '@preact/signals'
import type { Api, Detail } from '../api'
import type { Conversation, Entry, Ticket } from '../model'
import { type Failure, failure } from './failure'
import * as timeline from './timeline'

/** Parts and entries of a page. */
const PARTS = 50
const ENTRIES = 50

export interface Opened {
  /** As the address has it: an id or a number. */
  id: string
  detail: Detail | undefined
  failure: Failure | undefined
  parts: timeline.Parts
  /** The conversation that the parts are of. */
  partsOf: string
  partsFailure: Failure | undefined
  olderBusy: boolean
  /** Newest first. */
  entries: Entry[]
  entriesNext: string
}

const blank = (id: string): Opened => ({
  id,
  detail: undefined,
  failure: undefined,
  parts: timeline.none,
  partsOf: '',
  partsFailure: undefined,
  olderBusy: false,
  entries: [],
  entriesNext: ''
})

export function createOpened(api: Api, reached: (failed?: Failure) => void) {
  const opened = signal<Opened>(blank(''))
  /** Of the entries that are held. */
  let entriesAt = ''
  /** The newest part that is known to be held. */
  let head = -1

  const put = (id: string, change: Partial<Opened>) => {
    if (opened.value.id === id) opened.value = { ...opened.value, ...change }
  }

  /** Takes a ticket unless a newer one is there. */
  function accept(ticket: Ticket) {
    const { detail } = opened.value
    if (!detail || detail.ticket.id !== ticket.id) return
    if (BigInt(ticket.version) < BigInt(detail.ticket.version)) return
    opened.value = { ...opened.value, detail: { ...detail, ticket } }
  }

  /** Takes the conversation as it is now. */
  function talked(conversation: Conversation) {
    const { detail } = opened.value
    if (detail?.conversation?.id === conversation.id)
      opened.value = { ...opened.value, detail: { ...detail, conversation } }
  }

  async function load(): Promise<boolean> {
    const { id } = opened.value
    if (!id) return true
    try {
      const detail = await api.ticket(id)
      reached()
      if (opened.value.id !== id) return true
      const held = opened.value.detail
      const older = held && BigInt(detail.ticket.version) < BigInt(held.ticket.version)
      put(id, { detail: older ? { ...detail, ticket: held.ticket } : detail, failure: undefined })
      await Promise.all([loadParts(id, detail), loadEntries(id, detail.ticket)])
      return true
    } catch (thrown) {
      const why = failure(thrown)
      reached(why)
      // what is gone must not stay on the screen; what cannot be fetched may
      put(id, why.kind === 'missing' ? { ...blank(id), failure: why } : { failure: why })
      return false
    }
  }

  async function loadParts(id: string, { ticket, conversation }: Detail) {
    const of = ticket.conversationId
    if (of !== opened.value.partsOf) {
      head = -1
      put(id, { parts: timeline.none, partsOf: of, partsFailure: undefined })
    }
    // without the conversation it is not known what is new: what is held stays
    if (!of || !conversation || conversation.headSeq === head) return
    try {
      const page = await api.timeline(of, PARTS)
      if (opened.value.partsOf !== of) return
      head = page.rows[0]?.seq ?? 0
      put(id, { parts: timeline.newest(opened.value.parts, page), partsFailure: undefined })
    } catch (thrown) {
      put(id, { partsFailure: failure(thrown) })
    }
  }

  async function loadEntries(id: string, ticket: Ticket) {
    const at = `${ticket.id} ${ticket.version}`
    if (at === entriesAt) return
    try {
      const page = await api.history(ticket.id, ENTRIES)
      if (opened.value.id !== id) return
      entriesAt = at
      put(id, { entries: page.rows, entriesNext: page.next })
    } catch {
      // it is asked for again with the next look at the ticket
    }
  }

  return {
    opened,
    load,
    accept,
    talked,
    /** Opens another ticket; an empty id closes. */
    show(id: string) {
      if (opened.value.id === id) return false
      opened.value = blank(id)
      entriesAt = ''
      head = -1
      return true
    },
    async older() {
      const { id, parts, partsOf, olderBusy } = opened.value
      if (!parts.older || olderBusy) return
      put(id, { olderBusy: true })
      try {
        const page = await api.timeline(partsOf, PARTS, parts.older)
        if (opened.value.partsOf === partsOf) put(id, { parts: timeline.before(opened.value.parts, page) })
      } catch (thrown) {
        put(id, { partsFailure: failure(thrown) })
      }
      put(id, { olderBusy: false })
    },
    async olderEntries() {
      const { id, entriesNext, entries } = opened.value
      if (!entriesNext) return
      try {
        const page = await api.history(id, ENTRIES, entriesNext)
        put(id, { entries: [...entries, ...page.rows], entriesNext: page.next })
      } catch (thrown) {
        reached(failure(thrown))
      }
    }
  }
}
