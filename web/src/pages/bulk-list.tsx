import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { type BulkRetry, useBulkRetries } from '../api/bulk'
import { readPage } from '../api/list-search'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { buttonLook } from '../ui/button'
import { Icon } from '../ui/icon'
import { Loaded } from '../ui/loaded'
import { Empty } from '../ui/page'
import { Pager } from '../ui/pager'
import { Progress } from '../ui/progress'
import { rowLook } from '../ui/row'
import { Status } from '../ui/status'
import { Ago } from '../ui/time'
import { FilterWords } from './filter-words'
import { paramsOf, placeOf } from './place'

const route = getRouteApi('/$kind/$owner/$webhook/retries')

/** The bulk retries of one webhook, those that run and those that ran. */
export function BulkListPage() {
  const { t } = useTranslation()
  const place = placeOf(route.useParams())
  const params = paramsOf(place)
  const { page = 1 } = route.useSearch({ select: readPage, structuralSharing: true })
  const navigate = useNavigate()
  const jobs = useBulkRetries(place, page)
  const may = useMay('retry')
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <p className="text-muted">{t('bulk.list')}</p>
        {may && (
          <div className="flex flex-wrap gap-2">
            <Link to="/$kind/$owner/$webhook/retries/replay" params={params} className={buttonLook('plain')}>
              <Icon name="envelope" />
              {t('replay.new')}
            </Link>
            <Link to="/$kind/$owner/$webhook/retries/new" params={params} className={buttonLook('primary')}>
              <Icon name="again" />
              {t('bulk.new')}
            </Link>
          </div>
        )}
      </div>
      <div className="card">
        <Loaded of={jobs} rows={3} inset>
          {({ data }) =>
            data.length === 0 ? (
              <Empty title={t('bulk.list.none')}>{t('bulk.list.none.next')}</Empty>
            ) : (
              <ul className="divide-y divide-line">
                {data.map((job) => (
                  <li key={job.id}>
                    <Link
                      to="/$kind/$owner/$webhook/retries/$job"
                      params={{ ...params, job: job.id }}
                      className={`${rowLook} grid-cols-[auto_minmax(0,1fr)] gap-y-1 sm:grid-cols-[7rem_minmax(0,1fr)_10rem_7rem]`}
                    >
                      <Status of={job.status} />
                      <span className="min-w-0">
                        {job.kind === 'replay' && <span className="block text-muted text-xs">{t('replay.job')}</span>}
                        <FilterWords filter={job.filter} />
                      </span>
                      <Share job={job} />
                      <span className="text-right text-muted text-sm max-sm:hidden">
                        <Ago at={job.created_at} />
                      </span>
                    </Link>
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
        {jobs.data && (
          <Pager
            of={jobs.data.pagination}
            onPage={(to) =>
              navigate({ to: '/$kind/$owner/$webhook/retries', params, search: to > 1 ? { page: to } : {} })
            }
          />
        )}
      </div>
    </>
  )
}

function Share({ job }: { job: BulkRetry }) {
  const { t } = useTranslation()
  const gone = job.retried + job.skipped.total
  return (
    <span className="max-sm:col-span-2">
      <span className="block text-muted text-xs">{t('bulk.gone', { gone, of: job.matched })}</span>
      <Progress label={t('bulk.progress')} value={gone} max={job.matched} />
    </span>
  )
}
