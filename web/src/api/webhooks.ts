import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, must, type Schemas } from './client'
import type { Owner } from './owners'

/** A webhook of either kind of owner; `include_call_events` is there for campaigns. */
export type Webhook = Schemas['WebhookBase'] & { include_call_events?: boolean }
export type WebhookInput = Schemas['WebhookFields'] & { include_call_events?: boolean }
/** An event type and what it means, which only the list of agents' types tells. */
export interface AvailableEvent {
  name: string
  meaning: string | undefined
}

const agent = ({ id }: Owner) => ({ path: { agent_id: id } })
const campaign = ({ id }: Owner) => ({ path: { campaign_id: id } })
const agentWebhook = ({ id }: Owner, webhook_id: string) => ({ path: { agent_id: id, webhook_id } })
const campaignWebhook = ({ id }: Owner, webhook_id: string) => ({ path: { campaign_id: id, webhook_id } })

export function useWebhooks(owner: Owner) {
  return useQuery({
    queryKey: ['webhooks', owner.kind, owner.id],
    queryFn: async ({ signal }): Promise<{ webhooks: Webhook[]; events: AvailableEvent[] }> => {
      if (owner.kind === 'agents') {
        const { data } = await must(api.GET('/agents/{agent_id}/webhooks', { params: agent(owner), signal }))
        const events = Object.entries(data.available_events).map(([name, meaning]) => ({ name, meaning }))
        return { webhooks: data.webhooks, events }
      }
      const { data } = await must(api.GET('/campaigns/{campaign_id}/webhooks', { params: campaign(owner), signal }))
      return { webhooks: data.webhooks, events: data.available_events.map((name) => ({ name, meaning: undefined })) }
    },
  })
}

export function useWebhook(owner: Owner, id: string) {
  return useQuery({
    queryKey: ['webhook', owner.kind, owner.id, id],
    queryFn: async ({ signal }): Promise<Webhook> =>
      owner.kind === 'agents'
        ? (await must(api.GET('/agents/{agent_id}/webhooks/{webhook_id}', { params: agentWebhook(owner, id), signal })))
            .data
        : (
            await must(
              api.GET('/campaigns/{campaign_id}/webhooks/{webhook_id}', { params: campaignWebhook(owner, id), signal }),
            )
          ).data,
  })
}

/** Makes a webhook, or changes one: then only the fields given. */
export function useSaveWebhook(owner: Owner, id?: string) {
  const settle = useSettled(owner)
  return useMutation({
    mutationFn: async (input: WebhookInput): Promise<Webhook> => {
      if (owner.kind === 'agents') {
        const body = input as Schemas['WebhookInput']
        return id
          ? (await must(api.PUT('/agents/{agent_id}/webhooks/{webhook_id}', { params: agentWebhook(owner, id), body })))
              .data
          : (await must(api.POST('/agents/{agent_id}/webhooks', { params: agent(owner), body }))).data
      }
      const body = input as Schemas['CampaignWebhookInput']
      return id
        ? (
            await must(
              api.PUT('/campaigns/{campaign_id}/webhooks/{webhook_id}', { params: campaignWebhook(owner, id), body }),
            )
          ).data
        : (await must(api.POST('/campaigns/{campaign_id}/webhooks', { params: campaign(owner), body }))).data
    },
    onSuccess: settle,
  })
}

/** Gives a webhook another secret; the one before it goes on signing for the overlap. */
export function useRotateSecret(owner: Owner, id: string) {
  const settle = useSettled(owner)
  return useMutation({
    mutationFn: async (body: Schemas['SecretRotation']): Promise<Webhook> =>
      owner.kind === 'agents'
        ? (
            await must(
              api.POST('/agents/{agent_id}/webhooks/{webhook_id}/secret/rotate', {
                params: agentWebhook(owner, id),
                body,
              }),
            )
          ).data
        : (
            await must(
              api.POST('/campaigns/{campaign_id}/webhooks/{webhook_id}/secret/rotate', {
                params: campaignWebhook(owner, id),
                body,
              }),
            )
          ).data,
    onSuccess: settle,
  })
}

export function useDeleteWebhook(owner: Owner, id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (): Promise<void> => {
      await (owner.kind === 'agents'
        ? must(api.DELETE('/agents/{agent_id}/webhooks/{webhook_id}', { params: agentWebhook(owner, id) }))
        : must(api.DELETE('/campaigns/{campaign_id}/webhooks/{webhook_id}', { params: campaignWebhook(owner, id) })))
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ['webhooks', owner.kind, owner.id] }),
  })
}

/**
 * Enables or disables. The call itself flips whatever it finds, so that a page which shows an old state would do the
 * opposite of what its button says: hence the field of the update.
 */
export function useEnableWebhook(
  owner: Owner,
  id: string,
  then: { onSuccess: (webhook: Webhook) => void; onError: (fault: Error) => void },
) {
  const { mutate, isPending } = useSaveWebhook(owner, id)
  return { enable: (enabled: boolean) => mutate({ enabled }, then), isPending }
}

export type TestAnswer = { dispatched: true } | { dispatched: false; status: number; ms: number }

/** Sends a test. An agent's is answered by its receiver; a campaign's is queued, and found in its deliveries. */
export function useTestWebhook(owner: Owner, id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (): Promise<TestAnswer> => {
      if (owner.kind === 'campaigns') {
        await must(
          api.POST('/campaigns/{campaign_id}/webhooks/{webhook_id}/test', { params: campaignWebhook(owner, id) }),
        )
        return { dispatched: true }
      }
      const { data } = await must(
        api.POST('/agents/{agent_id}/webhooks/{webhook_id}/test', { params: agentWebhook(owner, id) }),
      )
      return { dispatched: false, status: data.status_code, ms: data.response_time }
    },
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ['logs', owner.kind, owner.id, id] }),
        client.invalidateQueries({ queryKey: ['webhook', owner.kind, owner.id, id] }),
      ]),
  })
}

function useSettled(owner: Owner) {
  const client = useQueryClient()
  // A secret that was made is shown by whoever asked for it, and kept nowhere.
  return ({ webhook_secret: _, ...webhook }: Webhook) => {
    client.setQueryData(['webhook', owner.kind, owner.id, webhook.id], webhook)
    return client.invalidateQueries({ queryKey: ['webhooks', owner.kind, owner.id] })
  }
}
