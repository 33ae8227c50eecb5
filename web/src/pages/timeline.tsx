import { Link } from '@tanstack/react-router'
import type { Delivery } from '../api/delivery'
import type { Place } from '../api/owned'
import { useTranslation } from '../i18n'
import { Icon, type IconName } from '../ui/icon'
import { Clock } from '../ui/time'
import { Answer } from './delivery-table'
import { paramsOf } from './place'

const marks: Record<Delivery['status'], [IconName, string]> = {
  success: ['check', 'bg-ok/12 text-ok'],
  failed: ['cross', 'bg-bad/12 text-bad'],
  retrying: ['again', 'bg-warn/14 text-warn'],
  pending: ['clock', 'bg-wait/12 text-wait'],
}

/** The attempts to deliver one event, from the first to what is scheduled next. */
export function Timeline({ place, attempts, current }: { place: Place; attempts: Delivery[]; current: string }) {
  const { t, duration } = useTranslation()
  return (
    <ol className="grid">
      {attempts.map((log, at) => {
        const [icon, look] = marks[log.status]
        return (
          <li key={log.id} className="relative flex gap-3 pb-4 last:pb-0">
            {at < attempts.length - 1 && <span className="absolute top-6 bottom-0 left-[0.6875rem] w-px bg-line" />}
            <span className={`relative grid size-6 shrink-0 place-items-center rounded-full ${look}`}>
              <Icon name={icon} className="size-3.5!" />
            </span>
            <div className="min-w-0 flex-1 text-sm">
              <p className="flex flex-wrap justify-between gap-x-2">
                <Link
                  to="/$kind/$owner/$webhook/logs/$log"
                  params={{ ...paramsOf(place), log: log.id }}
                  aria-current={log.id === current ? 'true' : undefined}
                  className="font-medium underline decoration-line underline-offset-4 hover:text-accent aria-[current]:no-underline"
                >
                  {t('attempt.n', { n: log.attempt })}
                </Link>
                <span className="text-muted">
                  <Clock at={log.created_at} />
                </span>
              </p>
              <p className="wrap-anywhere text-muted">
                <span className="sr-only">{t(`status.${log.status}`)}: </span>
                <Answer log={log} />
                {log.duration_ms !== undefined && (
                  <span className="whitespace-nowrap"> · {duration(log.duration_ms)}</span>
                )}
                {log.trigger !== 'automatic' && ` · ${t(`trigger.${log.trigger}`)}`}
              </p>
            </div>
          </li>
        )
      })}
    </ol>
  )
}
