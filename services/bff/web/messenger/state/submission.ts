/** What a submission must be before it is sent; the server decides in the end. Pure. */
import type { Key } from '../i18n'

export interface Errors {
  title?: Key
  description?: Key
}

/** All of them together. */
export function validate({ title, description }: { title: string; description: string }): Errors {
  const errors: Errors = {}
  if (!title) errors.title = 'submit.title.missing'
  else if ([...title].length > 255) errors.title = 'submit.title.long'
  if ([...description].length > 10_000) errors.description = 'submit.description.long'
  return errors
}
