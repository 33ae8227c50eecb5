import type { Schemas } from '../api/client'
import { useTranslation } from '../i18n'
import { Button } from './button'

/** Leads through a list that is read by the number of the page. */
export function Pager({
  of: { current_page: page, last_page: last, total },
  onPage,
}: {
  of: Schemas['Pagination']
  onPage: (page: number) => void
}) {
  const { t } = useTranslation()
  if (last <= 1) return null
  return (
    <nav
      aria-label={t('pages')}
      className="flex flex-wrap items-center justify-between gap-2 border-line border-t px-4 py-2.5"
    >
      <span className="text-muted text-sm">{t('pages.at', { page, last, total })}</span>
      <span className="flex gap-2">
        <Button small icon="left" disabled={page <= 1} onClick={() => onPage(page - 1)}>
          {t('pages.back')}
        </Button>
        <Button small disabled={page >= last} onClick={() => onPage(page + 1)}>
          {t('pages.on')}
        </Button>
      </span>
    </nav>
  )
}
