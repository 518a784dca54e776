/** People's words: as text, with links to follow, and nothing else. */
const LINK = /(https?:\/\/[^\s<>"']+|mailto:[^\s<>"']+)/gi

/** Cuts a text into plain pieces and links; a full stop or bracket at the end is not the link's. */
export function pieces(text: string): { text: string; href?: string }[] {
  const out: { text: string; href?: string }[] = []
  let at = 0
  for (const match of text.matchAll(LINK)) {
    const raw = match[0]
    const href = raw.replace(/[.,;:!?)\]}]+$/, '')
    if (!safe(href)) continue
    if (match.index > at) out.push({ text: text.slice(at, match.index) })
    out.push({ text: href, href })
    at = match.index + href.length
  }
  if (at < text.length) out.push({ text: text.slice(at) })
  return out
}

function safe(href: string): boolean {
  try {
    return ['http:', 'https:', 'mailto:'].includes(new URL(href).protocol)
  } catch {
    return false
  }
}

export function Words({ text }: { text: string }) {
  return (
    <>
      {pieces(text).map((piece, at) =>
        piece.href ? (
          <a key={at} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        ) : (
          piece.text
        )
      )}
    </>
  )
}
