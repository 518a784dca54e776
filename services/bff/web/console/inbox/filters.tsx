import type { Filter } from '../api'
import { useDesk } from '../context'
import { t } from '../i18n'
import { CATEGORIES } from '../model'
import { inbox, narrowed } from '../place'
import { Link } from '../ui/parts'

/** Tickets by category, each with how many there are. */
export function Filters({ filter }: { filter: Filter }) {
  const { counts, countLimit } = useDesk().inbox.list.value
  const known = Object.keys(counts).length > 0
  const many = (count: number) =>
    countLimit && count >= countLimit ? t('count.most', { count: countLimit }) : `${count}`
  const all = CATEGORIES.reduce((sum, one) => sum + (counts[one] ?? 0), 0)
  const full = CATEGORIES.some((one) => countLimit && (counts[one] ?? 0) >= countLimit)
  return (
    <nav class="filters" aria-label={t('filters')}>
      <ul>
        {[undefined, ...CATEGORIES].map((one) => {
          const on = filter.category === one
          const count = one ? many(counts[one] ?? 0) : full ? t('count.most', { count: all }) : `${all}`
          return (
            <li key={one ?? 'all'}>
              <Link
                to={inbox(narrowed(filter, { category: one }))}
                class="filter"
                {...(on && { 'aria-current': 'page' })}
              >
                <span>{t(one ? `category.${one}` : 'category.all')}</span>
                {known && <span class="count">{count}</span>}
              </Link>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}
