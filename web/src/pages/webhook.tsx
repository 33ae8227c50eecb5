import { getRouteApi, Link, Outlet } from '@tanstack/react-router'
import { ApiError } from '../api/client'
import { type TestAnswer, useEnableWebhook, useTestWebhook, useWebhook, type Webhook } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { Button } from '../ui/button'
import { Fault, Notice } from '../ui/notice'
import { Heading } from '../ui/page'
import { Status } from '../ui/status'
import { Ago, useNow } from '../ui/time'
import { useToast } from '../ui/toast'
import { OwnerTrail } from './owner-trail'
import { paramsOf, placeOf } from './place'

const route = getRouteApi('/$kind/$owner/$webhook')

/** What stands above every page of one webhook: which it is, how it is, what can be done with it. */
export function WebhookLayout() {
  const { t } = useTranslation()
  const place = placeOf(route.useParams())
  const webhook = useWebhook(place)
  const may = useMay('webhooks')
  const test = useTestWebhook(place)
  const say = useToast()
  const toggle = useEnableWebhook(place, ({ enabled }) =>
    say(t(enabled ? 'webhook.nowEnabled' : 'webhook.nowDisabled')),
  )
  // A webhook that was deleted still has its log, so that a page below may have something to show.
  const gone = webhook.error instanceof ApiError && webhook.error.status === 404
  return (
    <>
      <Heading
        title={webhook.data?.name ?? (gone ? t('webhook.gone') : '…')}
        above={<OwnerTrail of={place.owner} />}
        below={
          webhook.data ? (
            <span className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
              <Status of={webhook.data.status} />
              <span className="wrap-anywhere text-sm">
                <span className="font-medium">{webhook.data.http_method}</span> {webhook.data.webhook_url}
              </span>
            </span>
          ) : (
            <span className="inline-block h-6" />
          )
        }
        actions={may && webhook.data && <Actions webhook={webhook.data} test={test} toggle={toggle} />}
      />
      <div className="grid gap-3 empty:hidden [&:has(>*)]:mb-4">
        {webhook.error && <Fault of={webhook.error} retry={() => webhook.refetch()} />}
        {toggle.error && <Fault of={toggle.error} />}
        {webhook.data && <Reason webhook={webhook.data} />}
        <TestResult test={test} />
      </div>
      <Tabs />
      <Outlet />
    </>
  )
}

type Test = ReturnType<typeof useTestWebhook>

type Toggle = ReturnType<typeof useEnableWebhook>

function Actions({ webhook, test, toggle }: { webhook: Webhook; test: Test; toggle: Toggle }) {
  const { t } = useTranslation()
  return (
    <>
      <Button icon="bolt" busy={test.isPending} onClick={() => test.mutate()}>
        {t('webhook.test')}
      </Button>
      <Button icon="power" busy={toggle.isPending} onClick={() => toggle.enable(!webhook.enabled, webhook.version)}>
        {t(webhook.enabled ? 'webhook.disable' : 'webhook.enable')}
      </Button>
    </>
  )
}

function DisabledReason({ webhook: { disabled_reason: reason } }: { webhook: Webhook }) {
  const { t, server } = useTranslation()
  return (
    <Notice title={t('webhook.disabled.title')}>
      {reason && (
        <p>
          {t(reason.rule === 'gone' ? 'webhook.disabled.gone' : 'webhook.disabled.tooLong')}{' '}
          <Ago at={reason.disabled_at} />.{' '}
          {reason.last_error && t('webhook.disabled.last', { error: server(reason.last_error) })}
        </p>
      )}
      <p>{t('webhook.disabled.what')}</p>
    </Notice>
  )
}

function Reason({ webhook }: { webhook: Webhook }) {
  const { t, server } = useTranslation()
  const { status, status_reason: reason } = webhook
  if (status === 'disabled') return <DisabledReason webhook={webhook} />
  if (status !== 'error') return null
  return (
    <Notice tone="bad" title={t('webhook.error.title')}>
      {reason && (
        <p>
          {t('webhook.error.why', { count: reason.failures, error: server(reason.last_error) })}{' '}
          {reason.since && (
            <>
              {t('webhook.error.since')} <Ago at={reason.since} />.
            </>
          )}
        </p>
      )}
      <p>
        {t('webhook.error.next')} {t('webhook.error.now')}
      </p>
      {reason && (
        <p>
          {t('webhook.error.inError')} <Ago at={reason.in_error_since} />.{' '}
          {t('webhook.error.probes', { count: reason.probes })} <NextProbe at={reason.next_probe_at} />
        </p>
      )}
    </Notice>
  )
}

/** When the next probe goes. A time that has passed means that nothing is queued to probe with. */
function NextProbe({ at }: { at: string }) {
  const { t } = useTranslation()
  const now = useNow()
  if (Date.parse(at) <= now) return t('webhook.error.probe.idle')
  return (
    <>
      {t('webhook.error.probe')} <Ago at={at} />.
    </>
  )
}

function TestResult({ test }: { test: Test }) {
  const { t, server, duration } = useTranslation()
  const close = <Button small look="quiet" icon="cross" aria-label={t('close')} onClick={() => test.reset()} />
  if (test.isPending) return <Notice title={t('webhook.test.sending')}>{t('webhook.test.waiting')}</Notice>
  if (test.error) {
    const failed = test.error instanceof ApiError && test.error.status === 422
    return failed ? (
      <Notice tone="bad" title={server(test.error.message)} action={close}>
        {t('webhook.test.log')}
      </Notice>
    ) : (
      <Fault of={test.error} retry={() => test.mutate()} />
    )
  }
  const answer: TestAnswer | undefined = test.data
  if (!answer) return null
  return answer.dispatched ? (
    <Notice tone="ok" title={t('webhook.test.dispatched')} action={close}>
      {t('webhook.test.log')}
    </Notice>
  ) : (
    <Notice
      tone="ok"
      title={t('webhook.test.answered', { status: String(answer.status), time: duration(answer.ms) })}
      action={close}
    />
  )
}

function Tabs() {
  const { t } = useTranslation()
  const params = paramsOf(placeOf(route.useParams()))
  const look =
    'whitespace-nowrap border-b-2 border-transparent px-0.5 py-2 text-muted hover:text-ink aria-[current]:border-accent aria-[current]:font-medium aria-[current]:text-ink'
  return (
    <nav
      aria-label={t('webhook.nav')}
      className="mb-4 flex gap-4 overflow-x-auto shadow-[inset_0_-1px_0_var(--color-line)] sm:gap-5"
    >
      <Link
        to="/$kind/$owner/$webhook"
        params={params}
        activeOptions={{ exact: true, includeSearch: false }}
        className={look}
      >
        {t('nav.deliveries')}
      </Link>
      <Link
        to="/$kind/$owner/$webhook/retries"
        params={params}
        activeOptions={{ includeSearch: false }}
        className={look}
      >
        {t('nav.retries')}
      </Link>
      <Link to="/$kind/$owner/$webhook/settings" params={params} className={look}>
        {t('settings')}
      </Link>
    </nav>
  )
}
