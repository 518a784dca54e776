/** The host's colours, where they can be read. */
import { signal } from '@preact/signals'
import type { Look } from './protocol'

const DARK = '#0b1320'
const LIGHT = '#ffffff'

/** Relative luminance of `#rrggbb`, as WCAG defines it. */
export function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

export function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (high + 0.05) / (low + 0.05)
}

/** What can be read on the colour of actions. */
export const ink = signal(LIGHT)

/** Puts the look on the document. A colour too pale for text on white colours surfaces only. */
export function wear({ theme, ...said }: Look, root: HTMLElement = document.documentElement) {
  root.dataset.theme = theme ?? 'light'
  const action = colour(said.action)
  const ground = colour(said.background)
  const link = colour(said.link) || action
  const set = (name: string, value: string) =>
    value ? root.style.setProperty(name, value) : root.style.removeProperty(name)
  ink.value = on(action)
  set('--action', action)
  set('--on-action', action && ink.value)
  set('--greeting', ground)
  set('--on-greeting', ground && on(ground))
  set('--link', link && `light-dark(${readable(link, LIGHT)}, ${readable(link, '#14171d')})`)
}

/** One that is written as ours are, or short as `#fff`; nothing for any other. */
function colour(said: unknown): string {
  if (typeof said !== 'string' || !/^#([0-9a-f]{3}){1,2}$/i.test(said)) return ''
  return said.length < 7 ? said.replace(/\w/g, '$&$&') : said
}

/** What can be read on a colour. */
function on(ground: string): string {
  return !ground || contrast(ground, LIGHT) >= contrast(ground, DARK) ? LIGHT : DARK
}

function readable(colour: string, ground: string): string {
  return contrast(colour, ground) >= 4.5 ? colour : 'var(--text)'
}
