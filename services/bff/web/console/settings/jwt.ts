/** Reading a user token, for people: whether it is good is for the server to say. Pure. */

export interface Decoded {
  header: [string, unknown][]
  claims: [string, unknown][]
}

/** Nothing when it is no JWT: three parts, the first two JSON objects. */
export function decode(token: string): Decoded | undefined {
  const parts = token.trim().split('.')
  if (parts.length !== 3) return undefined
  const [header, claims] = parts.slice(0, 2).map(object)
  return header && claims ? { header: Object.entries(header), claims: Object.entries(claims) } : undefined
}

function object(part: string): Record<string, unknown> | undefined {
  try {
    const text = atob(part.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0))
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** A claim's value, and for the times what they are to people. */
export function shown(name: string, value: unknown): { text: string; time?: string } {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (!['exp', 'iat', 'nbf'].includes(name) || typeof value !== 'number') return { text }
  const time = new Date(value * 1000)
  return Number.isNaN(time.getTime()) ? { text } : { text, time: time.toISOString() }
}
