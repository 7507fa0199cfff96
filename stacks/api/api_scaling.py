from aws_cdk import TimeZone
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from stacks.capacity import Plan
from stacks.environments import ApiPlan, OfficeHours


class ApiScaling(Construct):
    """As many tasks as requests and CPU ask for, within a plan's limits; none outside office hours where there are any.

    Both targets leave the same headroom. They never fight: the service grows as soon as one policy asks for it, and
    shrinks when both agree. So requests announce the load before it is felt, and CPU covers calls of unusual length.

    Args:
        service: what is scaled.
        target_group: where its requests are counted; without one CPU alone decides.
        plan: limits, and requests that a task can take.
        api: headroom and office hours.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service: ecs.FargateService,
        target_group: elb.ApplicationTargetGroup | None,
        plan: Plan,
        api: ApiPlan,
    ) -> None:
        super().__init__(scope, construct_id)
        self._tasks = service.auto_scale_task_count(min_capacity=plan.api_min_tasks, max_capacity=plan.api_max_tasks)
        self._tasks.scale_on_cpu_utilization("Cpu", target_utilization_percent=round(100 / (1 + api.headroom)))
        if target_group:
            # Often below one, and right so: where a call keeps a task for eight minutes, one a minute is work for ten.
            per_minute = float(f"{plan.api_requests_per_task_per_minute:.3g}")
            self._tasks.scale_on_request_count("Requests", requests_per_target=per_minute, target_group=target_group)
        if api.hours:
            self._keep(api.hours, plan)

    def _keep(self, hours: OfficeHours, plan: Plan) -> None:
        for name, at, least, most in (
            ("Open", hours.start, plan.api_min_tasks, plan.api_max_tasks),
            ("Close", hours.end, 0, 0),
        ):
            self._tasks.scale_on_schedule(
                name,
                schedule=autoscaling.Schedule.cron(
                    week_day=",".join(hours.days), hour=str(at.hour), minute=str(at.minute)
                ),
                time_zone=TimeZone.of(hours.time_zone),
                min_capacity=least,
                max_capacity=most,
            )
