import { t } from '../i18n'
import type { Entry } from '../model'
import type { Desk } from '../state/desk'

/** What happened to a ticket, and who did it, in a sentence. */
export function happened(entry: Entry, { team, opened }: Pick<Desk, 'team' | 'opened'>): string {
  const state = (id: string) => team.value?.states.find((one) => one.id === id)?.internal ?? t('state.unknown')
  const requester = opened.opened.value.detail?.requesters.find((one) => one.id === entry.actorId)
  const person = team.value?.people.find((one) => one.id === entry.actorId)
  const who = person?.name || requester?.name || t(entry.actorId.startsWith('con_') ? 'somebody' : 'the_system')
  if (entry.kind === 'state')
    return t('happened.state', { who, from: state(entry.fromStateId), to: state(entry.toStateId) })
  return t(`happened.${entry.kind}`, { who })
}
