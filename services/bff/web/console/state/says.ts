/** What went wrong, in a sentence that a person can act on. */
import { type Key, t } from '../i18n'
import type { Failure } from './failure'

/** What was tried: it decides which role is missing, and what has changed meanwhile. */
export type Doing = 'settings' | 'ticket' | 'send' | 'look'

const FORBIDDEN: Record<Doing, Key> = {
  settings: 'forbidden.settings',
  ticket: 'forbidden.tickets',
  send: 'forbidden.tickets',
  look: 'forbidden.look'
}

const REASONS: Partial<Record<string, Key>> = {
  SHARED_TICKET_EXISTS: 'share.conflict',
  ALREADY_LINKED: 'link.already',
  CONVERSATION_NOT_LINKABLE: 'link.not_linkable',
  TOO_MANY_KEYS: 'keys.too_many'
}

export function says({ kind, reason, sentence, ref }: Failure, doing: Doing): string {
  const known = REASONS[reason]
  if (known) return t(known)
  switch (kind) {
    case 'forbidden':
      return t(FORBIDDEN[doing])
    case 'stale':
      return t(doing === 'settings' ? 'stale.settings' : 'stale.ticket')
    case 'network':
      return t(doing === 'send' ? 'failed.send' : 'failed.network')
    case 'busy':
      return t('failed.busy')
    case 'missing':
      return t('failed.missing')
    case 'ended':
      return t('ended')
    case 'refused':
      return sentence || t('failed')
    case 'failed':
      return ref ? `${t('failed')} ${t('ref', { id: ref })}` : t('failed')
  }
}
