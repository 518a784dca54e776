import { api } from '../messenger/api'
import { createApp } from '../messenger/app'
import { Session } from '../messenger/session'
import { pretend } from './pretend'

/** The Messenger's state over a server that is not there; `shows` says whether the Tickets space is on. */
export function previewed(shows: () => boolean) {
  const client = pretend(shows)
  const workspace = { id: 'app_preview', platform: 'PLATFORM_WEB' } as const
  const proof = async () => ({ jwt: 'preview' })
  const session = new Session(
    () => client,
    workspace,
    proof,
    () => {}
  )
  return createApp(api(client, session.call, workspace.platform), session)
}
