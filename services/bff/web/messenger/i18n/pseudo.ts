/** English made 40 % longer and accented: what is not translated, or does not fit, is seen at once. */
import type { Texts } from '.'
import en from './locales/en.json'

const ACCENTS: Record<string, string> = {
  a: 'á',
  e: 'é',
  i: 'í',
  o: 'ó',
  u: 'ú',
  A: 'Å',
  E: 'Ë',
  c: 'ç',
  n: 'ñ',
  s: 'š'
}

export function pseudo(text: string): string {
  const accented = text
    .split(/(\{\w+\})/)
    .map((piece) =>
      piece.startsWith('{') ? piece : piece.replace(/[aeiouAEcns]/g, (letter) => ACCENTS[letter] ?? letter)
    )
    .join('')
  return `[${accented}${'~'.repeat(Math.ceil(text.length * 0.4))}]`
}

export default Object.fromEntries(Object.entries(en).map(([key, text]) => [key, pseudo(text)])) as Texts
