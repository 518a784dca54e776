/** A console whose server answers what a test says. */
import { render } from '@testing-library/preact'
import type { Client } from '../rpc/connect'
import { RpcError } from '../rpc/errors'
import { Provide } from './context'
import { Shell } from './shell'
import { createDesk } from './state/desk'

type Answer = (body: Record<string, unknown>) => unknown

export const STATES = [
  { stateId: 'tst_s', category: 'STATE_CATEGORY_SUBMITTED', internalLabel: 'Submitted', customerLabel: 'Submitted' },
  {
    stateId: 'tst_p',
    category: 'STATE_CATEGORY_IN_PROGRESS',
    internalLabel: 'Being worked on',
    customerLabel: 'In progress'
  },
  {
    stateId: 'tst_w',
    category: 'STATE_CATEGORY_WAITING_ON_CUSTOMER',
    internalLabel: 'Waiting on customer',
    customerLabel: 'Waiting on you'
  },
  { stateId: 'tst_r', category: 'STATE_CATEGORY_RESOLVED', internalLabel: 'Resolved', customerLabel: 'Resolved' }
]

const stateIds = STATES.map((state) => state.stateId)

export const ticket = (more: object = {}) => ({
  ticketId: 'tkt_1',
  number: '7',
  typeId: 'tty_customer',
  typeName: 'Support request',
  title: 'Refund for order 1042',
  state: STATES[0],
  open: true,
  requesterContactIds: ['con_ada'],
  conversationId: 'cnv_1',
  version: '3',
  shared: true,
  createTime: '2026-11-20T10:00:00Z',
  updateTime: '2026-11-20T10:00:00Z',
  ...more
})

export const part = (seq: number, more: object = {}) => ({
  partId: `prt_${seq}`,
  seq: String(seq),
  kind: 'PART_KIND_MESSAGE',
  authorKind: 'AUTHOR_KIND_CONTACT',
  authorId: 'con_ada',
  authorName: 'Ada Lovelace',
  body: `text ${seq}`,
  createTime: `2026-11-20T10:00:${String(seq).padStart(2, '0')}Z`,
  ...more
})

const ADA = { contactId: 'con_ada', name: 'Ada Lovelace', email: 'ada@example.com', kind: 'CONTACT_KIND_USER' }
export const conversation = (more: object = {}) => ({
  conversationId: 'cnv_1',
  state: 'CONVERSATION_STATE_OPEN',
  headSeq: '1',
  preview: 'Where is my order?',
  ...more
})

/** What a server says that has one ticket; a test puts its own answers over it. */
const usual = (role: string): Record<string, Answer> => ({
  GetConsole: () => ({
    teammate: { teammateId: 'tea_grace', name: 'Grace Hopper', role },
    workspace: { workspaceId: 'wsp_1', name: 'Demo', appId: 'app_1', createTime: '2026-11-01T09:00:00Z' },
    types: [
      { typeId: 'tty_customer', name: 'Support request', category: 'TYPE_CATEGORY_CUSTOMER', stateIds },
      { typeId: 'tty_office', name: 'Bug', category: 'TYPE_CATEGORY_BACK_OFFICE', shareable: true, stateIds }
    ],
    states: STATES,
    teammates: [
      { teammateId: 'tea_grace', name: 'Grace Hopper', active: true },
      { teammateId: 'tea_alan', name: 'Alan Turing', active: true }
    ]
  }),
  ListInbox: () => ({
    tickets: [{ ticket: ticket(), requester: ADA }],
    counts: [{ category: 'STATE_CATEGORY_SUBMITTED', count: 1 }],
    countLimit: 1000
  }),
  GetInboxTicket: () => ({ ticket: ticket(), requesters: [ADA], conversation: conversation() }),
  ListTimeline: () => ({ parts: [part(1)] }),
  ListInboxHistory: () => ({ entries: [] }),
  GetSpaces: () => ({
    settings: {
      version: '4',
      spaces: ['WEB', 'IOS', 'ANDROID'].map((one) => ({
        platform: `PLATFORM_${one}`,
        space: 'SPACE_TICKETS',
        enabled: true
      }))
    }
  }),
  GetSecurity: () => ({ security: { platforms: [], allowedOrigins: [], version: '1' }, keys: [] })
})

export function world(address: string, answers: Record<string, Answer> = {}, role = 'ROLE_ADMIN') {
  history.replaceState(null, '', address)
  const calls: { method: string; body: Record<string, unknown> }[] = []
  const all = { ...usual(role), ...answers }
  const client: Client = {
    async unary<I, O>(path: string, body: I) {
      const method = path.replace('ConsoleService/', '')
      calls.push({ method, body: body as Record<string, unknown> })
      const answer = all[method]
      if (!answer) throw new RpcError('unimplemented')
      return (await answer(body as Record<string, unknown>)) as O
    },
    // biome-ignore lint/correctness/useYield: the console has no streams
    async *stream() {
      throw new RpcError('unimplemented')
    }
  }
  const desk = createDesk(client)
  desk.loadTeam()
  desk.arrive()
  render(
    <Provide value={desk}>
      <Shell />
    </Provide>
  )
  const of = (method: string) => calls.filter((call) => call.method === method).map((call) => call.body)
  /** Nothing is asked for any more. */
  const leave = () => {
    history.replaceState(null, '', '/console/settings/channels/messenger/install')
    desk.arrive()
  }
  return { desk, calls: of, answers: all, leave }
}
