/** Which tickets the list shows, besides their category. All of it is in the address. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Filter } from '../api'
import { useDesk } from '../context'
import { t } from '../i18n'
import type { Contact } from '../model'
import { inbox, narrowed, SEARCH } from '../place'
import { Icon } from '../ui/icon'
import { ContactPicker } from '../ui/people'

/** What is typed is searched for after this pause, in milliseconds. */
const PAUSE = 300

export function Narrow({ filter, current }: { filter: Filter; current: string }) {
  const desk = useDesk()
  const text = useSignal(filter.text ?? '')
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const asked = filter.text ?? ''
  const count = [filter.shared, filter.requester, filter.assignee].filter((one) => one !== undefined).length
  const open = useSignal(count > 0)
  // by Back, or by another filter
  useEffect(() => {
    if (text.peek().trim() !== asked) text.value = asked
  }, [text, asked])
  useEffect(() => () => clearTimeout(timer.current), [])
  const go = (change: Partial<Record<keyof Filter, unknown>>) => desk.go(inbox(narrowed(filter, change), current))
  const look = () => {
    clearTimeout(timer.current)
    desk.go(inbox(narrowed(filter, { text: text.value.trim() }), current), { replace: true })
  }
  return (
    <search class="search">
      <form
        class="search-line"
        onSubmit={(event) => {
          event.preventDefault()
          look()
        }}
      >
        <label class="search-box">
          <span class="hidden">{t('search')}</span>
          <Icon name="search" size={18} />
          <input
            type="search"
            value={text.value}
            placeholder={t('search')}
            maxLength={SEARCH}
            onInput={(event) => {
              text.value = event.currentTarget.value
              clearTimeout(timer.current)
              timer.current = setTimeout(look, PAUSE)
            }}
          />
        </label>
        <button
          type="button"
          class="button"
          aria-expanded={open.value}
          aria-controls="narrow"
          onClick={() => (open.value = !open.value)}
        >
          {count ? t('narrow.on', { count }) : t('narrow')}
        </button>
      </form>
      <div id="narrow" class="narrow" hidden={!open.value}>
        <Requester filter={filter} go={go} />
        <label>
          {t('assignee')}
          <select value={filter.assignee ?? ''} onChange={(event) => go({ assignee: event.currentTarget.value })}>
            <option value="">{t('assignee.any')}</option>
            {desk.team.value?.people.map((one) => (
              <option key={one.id} value={one.id}>
                {one.id === desk.team.value?.me.id ? t('assignee.me', { name: one.name }) : one.name}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t('shared')}
          <select
            value={filter.shared === undefined ? '' : filter.shared ? 'yes' : 'no'}
            onChange={(event) => {
              const { value } = event.currentTarget
              go({ shared: value ? value === 'yes' : undefined })
            }}
          >
            <option value="">{t('shared.any')}</option>
            <option value="yes">{t('shared.yes')}</option>
            <option value="no">{t('shared.no')}</option>
          </select>
        </label>
      </div>
    </search>
  )
}

/** The address has the customer's id alone: their name is in a row, or looked for. */
function Requester({ filter, go }: { filter: Filter; go: (change: { requester: string }) => void }) {
  const desk = useDesk()
  const known = useSignal<Contact>()
  const id = filter.requester ?? ''
  const { rows } = desk.inbox.list.value
  const listed = [...new Map(rows.flatMap(({ requester }) => (requester ? [[requester.id, requester]] : []))).values()]
  const chosen = known.value?.id === id ? known.value : listed.find((one) => one.id === id)
  useEffect(() => {
    let left = false
    if (id && !chosen)
      desk.api.find(id).then(
        ({ contacts }) => {
          // who is not there any more has an id all the same
          const nobody: Contact = { id, name: id, email: '', kind: 'user', userId: '' }
          if (!left) known.value = contacts[0] ?? nobody
        },
        // the list says itself that the server is away
        () => {}
      )
    return () => {
      left = true
    }
  }, [desk, known, id, chosen])
  return (
    <ContactPicker
      id="narrow-requester"
      label={t('requester')}
      chosen={id ? chosen : undefined}
      choose={(contact) => {
        known.value = contact
        if ((contact?.id ?? '') !== id) go({ requester: contact?.id ?? '' })
      }}
      offered={listed.slice(0, 8)}
      placeholder={t('contact.find')}
    />
  )
}
