import { cleanup, render, screen, waitFor } from '@testing-library/preact'
import { afterEach, expect, it, vi } from 'vitest'
import { Provide } from '../messenger/context'
import { Shell } from '../messenger/shell'
import { previewed } from './app'

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

function preview() {
  const fetch = vi.fn()
  vi.stubGlobal('fetch', fetch)
  let tickets = true
  const app = previewed(() => tickets)
  render(
    <Provide value={app}>
      <Shell />
    </Provide>
  )
  return {
    app,
    fetch,
    async turn(on: boolean) {
      tickets = on
      await app.loadHome()
    }
  }
}

const tab = (name: RegExp) => screen.queryByRole('button', { name })

it('shows the Tickets space and its card come and go with the switch', async () => {
  const { app, turn } = preview()
  await app.loadHome()
  await screen.findByText('Recent tickets')
  expect(tab(/^Tickets/)).not.toBeNull()
  await turn(false)
  await waitFor(() => expect(tab(/^Tickets/)).toBeNull())
  expect(screen.queryByText('Recent tickets')).toBeNull()
  // S4: what was asked for stays reachable from Messages
  app.tell({ type: 'tab', tab: 'messages' })
  await screen.findByRole('button', { name: /Refund for order 1042/ })
  await turn(true)
  await waitFor(() => expect(tab(/^Tickets/)).not.toBeNull())
})

it('leaves the Tickets space when it goes, and shows what was open over it', async () => {
  const { app, turn } = preview()
  await app.loadHome()
  app.tell({ type: 'tab', tab: 'tickets' })
  await screen.findByRole('heading', { name: 'Tickets' })
  await turn(false)
  await screen.findByRole('heading', { name: /Sam/ })
})

it('takes what is written and submitted, and tells it to nobody', async () => {
  const { app, fetch } = preview()
  await app.loadHome()
  app.tell({ type: 'deep', tab: 'messages', screen: { name: 'conversation', id: 'cnv_1042' } })
  app.write('cnv_1042', 'To the one I paid from.')
  await screen.findByText('To the one I paid from.')
  await app.submit({ requestId: 'r', typeId: 'tty_1', title: 'A new one', description: '' })
  await screen.findByRole('heading', { name: 'A new one' })
  expect(fetch).not.toHaveBeenCalled()
})
