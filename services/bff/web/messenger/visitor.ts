/** A visitor's secret as the host's page keeps it: alone, or with the moment after which it counts for nothing. */

/** `lasts` is how long it counts, in milliseconds, if the page has said so. */
export function written(secret: string, lasts: unknown, now = Date.now()): string {
  const counts = Number(lasts)
  return secret && counts > 0 && Number.isFinite(counts) ? `${secret} ${Math.round(now + counts)}` : secret
}

/** The secret; nothing if there is none, or it counts no longer. */
export function read(kept: string | undefined, now = Date.now()): string | undefined {
  const [secret, until] = (kept ?? '').split(' ')
  return until && !(Number(until) > now) ? undefined : secret || undefined
}
