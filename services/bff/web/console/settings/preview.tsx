/** The Messenger beside the switches, as customers of a platform will see it. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../i18n'
import { PLATFORMS, type Platform, type Spaces } from './model'

/** Framed by the console alone; it asks for nothing and sends nothing. */
const PAGE = '/console/preview/'

export function Preview({ spaces }: { spaces: Spaces }) {
  const platform = useSignal<Platform>('web')
  const frame = useRef<HTMLIFrameElement>(null)
  const tickets = spaces.tickets[platform.value]
  const tell = () => frame.current?.contentWindow?.postMessage({ tickets }, location.origin)
  useEffect(() => {
    tell()
  }, [tickets])
  return (
    <section class="preview" aria-labelledby="preview">
      <h2 id="preview">{t('preview')}</h2>
      <p class="muted">{t('preview.help')}</p>
      <fieldset class="pick">
        <legend class="hidden">{t('platform')}</legend>
        {PLATFORMS.map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="preview-platform"
              value={one}
              checked={platform.value === one}
              onChange={() => (platform.value = one)}
            />
            <span>{t(`platform.${one}`)}</span>
          </label>
        ))}
      </fieldset>
      <iframe ref={frame} src={PAGE} title={t('preview.title')} onLoad={tell} />
    </section>
  )
}
