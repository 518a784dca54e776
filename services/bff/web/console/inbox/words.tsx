/** What a ticket says of itself, to be written or changed. */
import type { Signal } from '@preact/signals'
import { t } from '../i18n'

/** In characters, as the server counts them. */
const TITLE = 255
const DESCRIPTION = 10_000

export function TicketWords({ title, description }: { title: Signal<string>; description: Signal<string> }) {
  return (
    <>
      <label>
        {t('title')}
        <input
          type="text"
          required
          maxLength={TITLE}
          dir="auto"
          value={title.value}
          onInput={(event) => (title.value = event.currentTarget.value)}
        />
      </label>
      <label>
        {t('description')}
        <textarea
          rows={4}
          maxLength={DESCRIPTION}
          dir="auto"
          value={description.value}
          onInput={(event) => (description.value = event.currentTarget.value)}
        />
      </label>
    </>
  )
}
