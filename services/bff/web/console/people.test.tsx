import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/preact'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RpcError } from '../rpc/errors'
import { ticket, world } from './testing'

let made: ReturnType<typeof world>
const open = (...of: Parameters<typeof world>) => {
  made = world(...of)
  return made
}
beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= () => {}
  Element.prototype.scrollIntoView ??= () => {}
})
afterEach(() => {
  made?.leave()
  cleanup()
  vi.restoreAllMocks()
})

const BEN = {
  contactId: 'con_ben',
  name: 'Ben Adams',
  email: 'ben@example.com',
  userId: 'u-2',
  kind: 'CONTACT_KIND_USER'
}
const EVE = { contactId: 'con_eve', name: 'Benedict', kind: 'CONTACT_KIND_UNVERIFIED' }
const finds = { FindContacts: () => ({ contacts: [BEN, EVE] }) }

const element = <T extends HTMLElement>(id: string) =>
  waitFor(() => {
    const found = document.getElementById(id)
    if (!found) throw new Error(`no ${id}`)
    return found as T
  })
/** The box of the new ticket's window, in which the customer is looked for. */
async function box() {
  fireEvent.click(await screen.findByText('New ticket'))
  return element<HTMLInputElement>('create-requester')
}
const options = () => [...document.querySelectorAll('#create-requester-list [role=option]')]
const found = () =>
  waitFor(() => {
    expect(options()).not.toEqual([])
    return options()
  })
const press = (element: HTMLElement, key: string) => fireEvent.keyDown(element, { key })
const type = (element: HTMLElement, value: string) => {
  element.focus()
  fireEvent.input(element, { target: { value } })
}
const named = (element: HTMLElement) => document.getElementById(element.getAttribute('aria-activedescendant') ?? '')

describe('finding a customer', () => {
  it('lists who begins like what is typed, tells one from another, and says how many they are', async () => {
    const { calls } = open('/console/tickets', { ...finds, ListInbox: () => ({}) })
    const requester = await box()
    expect(requester.getAttribute('aria-expanded')).toBe('false')
    type(requester, 'ben')
    expect((await found()).map((one) => one.textContent)).toEqual([
      'Ben Adamsben@example.com · u-2',
      'BenedictNot verified'
    ])
    screen.getByText('2 customers found')
    expect(requester.getAttribute('aria-expanded')).toBe('true')
    expect(calls('FindContacts')).toEqual([{ text: 'ben' }])
  })

  it('is worked by the keys that such a box has', async () => {
    open('/console/tickets', { ...finds, ListInbox: () => ({}) })
    const requester = await box()
    type(requester, 'ben')
    await found()
    press(requester, 'ArrowDown')
    expect(named(requester)?.textContent).toContain('Ben Adams')
    press(requester, 'ArrowUp')
    expect(named(requester)).toBeNull()
    press(requester, 'ArrowUp')
    expect(named(requester)?.textContent).toContain('Benedict')
    press(requester, 'Escape')
    expect(options()).toEqual([])
    press(requester, 'ArrowDown')
    press(requester, 'ArrowDown')
    press(requester, 'Enter')
    expect(requester.value).toBe('Benedict')
    expect(requester.getAttribute('aria-expanded')).toBe('false')
  })

  it('asks once for what was typed in one go, and drops an answer that another has overtaken', async () => {
    let slow: ((found: unknown) => void) | undefined
    const { calls } = open('/console/tickets', {
      ListInbox: () => ({}),
      FindContacts: ({ text }) =>
        text === 'be'
          ? new Promise((resolve) => {
              slow = resolve
            })
          : { contacts: [BEN] }
    })
    const requester = await box()
    type(requester, 'b')
    type(requester, 'be')
    await waitFor(() => expect(slow).toBeDefined())
    type(requester, 'ben')
    await screen.findByText('Ben Adams')
    slow?.({ contacts: [EVE] })
    await Promise.resolve()
    expect(screen.queryByText('Benedict')).toBeNull()
    expect(calls('FindContacts').map(({ text }) => text)).toEqual(['be', 'ben'])
  })

  it('says that nobody is found, that there are others, and what went wrong', async () => {
    const { answers } = open('/console/tickets', { ListInbox: () => ({}), FindContacts: () => ({}) })
    const requester = await box()
    type(requester, 'zz')
    await screen.findByText(/^No customer's name/)
    answers.FindContacts = () => ({ contacts: [BEN], more: true })
    type(requester, 'b')
    await screen.findByText('The first 1 are shown. Type more to narrow them down.')
    answers.FindContacts = () => {
      throw new RpcError('unavailable')
    }
    type(requester, 'x')
    await screen.findByText(/The server/)
  })
})

describe('a new ticket', () => {
  it('is for the customer who was chosen', async () => {
    const { calls } = open('/console/tickets', {
      ...finds,
      ListInbox: () => ({}),
      CreateInboxTicket: () => ({ ticket: ticket({ ticketId: 'tkt_9', number: '9' }) })
    })
    const requester = await box()
    type(requester, 'ben')
    fireEvent.click(await screen.findByText('Ben Adams'))
    fireEvent.input(screen.getByLabelText('Title'), { target: { value: 'Broken' } })
    fireEvent.click(screen.getByText('Create ticket'))
    await screen.findByText('Ticket #9 is created.')
    expect(calls('CreateInboxTicket')[0]).toMatchObject({ requesterContactId: 'con_ben', title: 'Broken' })
  })

  it('is for nobody who was typed and not chosen', async () => {
    const { calls } = open('/console/tickets', { ...finds, ListInbox: () => ({}) })
    type(await box(), 'ben')
    fireEvent.input(screen.getByLabelText('Title'), { target: { value: 'Broken' } })
    fireEvent.click(screen.getByText('Create ticket'))
    await screen.findByText('Choose the customer who asked for it.')
    expect(calls('CreateInboxTicket')).toEqual([])
  })

  it('offers who is in the list, and takes who is in view for whom one means', async () => {
    open('/console/tickets/tkt_1')
    await screen.findByLabelText('State')
    expect((await box()).value).toBe('Ada Lovelace')
  })

  it('for a customer who is not there any more is refused in the words of the server', async () => {
    open('/console/tickets/tkt_1', {
      CreateInboxTicket: () => {
        throw new RpcError('invalid_argument', "this customer isn't there", '', 0, 'NO_SUCH_CONTACT')
      }
    })
    await screen.findByLabelText('State')
    await box()
    const dialog = within(document.querySelector('dialog') as HTMLElement)
    fireEvent.input(dialog.getByLabelText('Title'), { target: { value: 'Broken' } })
    fireEvent.click(dialog.getByText('Create ticket'))
    await screen.findByText("This customer isn't there.")
  })
})

describe('narrowing the list down', () => {
  const narrow = async () => {
    await screen.findByText('Refund for order 1042')
    const button = screen.getByText('Filter')
    fireEvent.click(button)
    return button
  }

  it('shows the tickets of one customer, and all again', async () => {
    const { calls } = open('/console/tickets')
    await narrow()
    const requester = await element('narrow-requester')
    fireEvent.click(requester)
    fireEvent.click(await screen.findByRole('option', { name: /Ada Lovelace/ }))
    await waitFor(() => expect(calls('ListInbox').at(-1)).toMatchObject({ requesterContactId: 'con_ada' }))
    expect(location.search).toBe('?requester=con_ada')
    screen.getByText('Filter (1)')
    fireEvent.click(screen.getByRole('button', { name: 'Clear: Requester' }))
    await waitFor(() => expect(location.search).toBe(''))
  })

  it('finds the name of a customer whom the address names', async () => {
    const { calls } = open('/console/tickets?requester=con_ben', { ListInbox: () => ({}), ...finds })
    const requester = await element<HTMLInputElement>('narrow-requester')
    await waitFor(() => expect(requester.value).toBe('Ben Adams'))
    expect(calls('FindContacts')).toEqual([{ text: 'con_ben' }])
  })

  it('shows the tickets of one teammate', async () => {
    const { calls } = open('/console/tickets')
    await narrow()
    fireEvent.change(screen.getByLabelText('Assignee'), { target: { value: 'tea_alan' } })
    await waitFor(() => expect(calls('ListInbox').at(-1)).toMatchObject({ assigneeTeammateId: 'tea_alan' }))
  })
})

describe('the settings called General', () => {
  it('tell the workspace by all that it is called', async () => {
    open('/console/settings/channels/messenger/general')
    const shown = within(await screen.findByRole('region', { name: 'Workspace' }))
    for (const text of ['Demo', 'app_1', 'wsp_1']) shown.getByText(text)
  })
})
