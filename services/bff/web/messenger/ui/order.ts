import { useLayoutEffect, useRef } from 'preact/hooks'

/** How long a row is on its way to another place, in milliseconds. */
const MOVE = 200

/**
 * For a list whose rows change places under the customer's eyes: the one with the focus keeps it, and all are seen to
 * move, unless motion is not wanted. What comes above the list moves it as a whole, and none of its rows. Goes on the
 * list; rows are its children, known by the `data-row` in them.
 */
export function useOrder<E extends HTMLElement>() {
  const list = useRef<E>(null)
  const start = () => list.current?.getBoundingClientRect().top ?? 0
  const rows = () =>
    Array.from(list.current?.children ?? [], (row) => {
      const named = row.querySelector<HTMLElement>('[data-row]')
      return { row, named, key: named?.dataset.row ?? '' }
    })
  // this is before the rows are put where they belong from now on
  const before = start()
  const places = new Map(rows().map(({ row, key }) => [key, row.getBoundingClientRect().top - before]))
  const focused = rows().find(({ named }) => named && named === document.activeElement)?.key
  useLayoutEffect(() => {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    const now = start()
    for (const { row, named, key } of rows()) {
      // a browser takes the focus from what is put elsewhere
      if (key === focused && named !== document.activeElement) named?.focus({ preventScroll: true })
      const by = (places.get(key) ?? 0) - (row.getBoundingClientRect().top - now)
      if (by && places.has(key) && !still)
        row.animate?.([{ transform: `translateY(${by}px)` }, { transform: 'none' }], {
          duration: MOVE,
          easing: 'ease-out'
        })
    }
  })
  return list
}
