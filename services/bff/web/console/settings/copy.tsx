import { useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { t } from '../i18n'

/** Puts a text into the clipboard. */
export function Copy({ text, what }: { text: string; what: string }) {
  const desk = useDesk()
  const copied = useSignal(false)
  return (
    <button
      type="button"
      class="button small"
      aria-label={t('copy_what', { what })}
      onClick={async () => {
        try {
          await navigator.clipboard.writeText(text)
          copied.value = true
          desk.tell(t('copied_what', { what }))
        } catch {
          desk.tell(t('copy.failed'), true)
        }
      }}
    >
      {t(copied.value ? 'copied' : 'copy')}
    </button>
  )
}
