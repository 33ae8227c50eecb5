import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { must, type Schemas } from './client'
import { logsKey } from './deliveries'
import type { Owner } from './kinds'
import { type Place, webhookAt, webhooksOf } from './owned'

/** A webhook of either kind of owner; `include_call_events` is there for campaigns. */
export type Webhook = Schemas['WebhookBase'] & { include_call_events?: boolean }
export type WebhookInput = Schemas['WebhookFields'] & { include_call_events?: boolean }
/** An event type and what it means, which only the list of agents' types tells. */
export interface AvailableEvent {
  name: string
  meaning: string | undefined
}

/** The types are told with what they mean, or by their names alone. */
const readEvents = (told: Record<string, string> | string[]): AvailableEvent[] =>
  Array.isArray(told)
    ? told.map((name) => ({ name, meaning: undefined }))
    : Object.entries(told).map(([name, meaning]) => ({ name, meaning }))

export function useWebhooks(owner: Owner) {
  return useQuery({
    queryKey: ['webhooks', owner.kind, owner.id],
    queryFn: async ({ signal }): Promise<{ webhooks: Webhook[]; events: AvailableEvent[] }> => {
      const { data } = await must(webhooksOf(owner).GET('', { signal }))
      return { webhooks: data.webhooks, events: readEvents(data.available_events) }
    },
  })
}

const webhookKey = ({ owner, webhook }: Place) => ['webhook', owner.kind, owner.id, webhook]

export function useWebhook(place: Place) {
  return useQuery({
    queryKey: webhookKey(place),
    queryFn: async ({ signal }): Promise<Webhook> => (await must(webhookAt(place).GET('', { signal }))).data,
  })
}

export function useCreateWebhook(owner: Owner) {
  const settle = useSettled(owner)
  return useMutation({
    mutationFn: async (input: WebhookInput): Promise<Webhook> =>
      (await must(webhooksOf(owner).POST('', { body: input as Schemas['WebhookInput'] }))).data,
    onSuccess: settle,
  })
}

/** Changes a webhook: only the fields given. */
export function useSaveWebhook(place: Place) {
  const settle = useSettled(place.owner)
  return useMutation({
    mutationFn: async (body: WebhookInput): Promise<Webhook> => (await must(webhookAt(place).PUT('', { body }))).data,
    onSuccess: settle,
  })
}

/** Gives a webhook another secret; the one before it goes on signing for the overlap. */
export function useRotateSecret(place: Place) {
  const settle = useSettled(place.owner)
  return useMutation({
    mutationFn: async (body: Schemas['SecretRotation']): Promise<Webhook> =>
      (await must(webhookAt(place).POST('/secret/rotate', { body }))).data,
    onSuccess: settle,
  })
}

export function useDeleteWebhook(place: Place) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => must(webhookAt(place).DELETE('')),
    onSuccess: () => client.invalidateQueries({ queryKey: ['webhooks', place.owner.kind, place.owner.id] }),
  })
}

/**
 * Enables or disables. The call itself flips whatever it finds, so that a page which shows an old state would do the
 * opposite of what its button says: hence the field of the update.
 */
export function useEnableWebhook(
  place: Place,
  then: { onSuccess: (webhook: Webhook) => void; onError: (fault: Error) => void },
) {
  const { mutate, isPending } = useSaveWebhook(place)
  return { enable: (enabled: boolean) => mutate({ enabled }, then), isPending }
}

export type TestAnswer = { dispatched: true } | { dispatched: false; status: number; ms: number }

/** Sends a test. An agent's is answered by its receiver; a campaign's is queued, and found in its deliveries. */
export function useTestWebhook(place: Place) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (): Promise<TestAnswer> => {
      const { data }: { data?: Schemas['TestResult'] } = await must(webhookAt(place).POST('/test'))
      return data ? { dispatched: false, status: data.status_code, ms: data.response_time } : { dispatched: true }
    },
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: logsKey(place) }),
        client.invalidateQueries({ queryKey: webhookKey(place) }),
      ]),
  })
}

function useSettled(owner: Owner) {
  const client = useQueryClient()
  // A secret that was made is shown by whoever asked for it, and kept nowhere.
  return ({ webhook_secret: _, ...webhook }: Webhook) => {
    client.setQueryData(webhookKey({ owner, webhook: webhook.id }), webhook)
    return client.invalidateQueries({ queryKey: ['webhooks', owner.kind, owner.id] })
  }
}
