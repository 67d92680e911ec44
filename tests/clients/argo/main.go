// Command argo synchronizes one set of objects as Argo CD's application controller synchronizes one Application: the order, the
// waves, the dry run and the writes are those of the controller's own engine.
//
// It reads a set as JSON from its standard input, finds the cluster by KUBECONFIG and prints what it did as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubectl/pkg/util/openapi"
)

// manager is the field manager that the controller goes by.
const manager = "argocd-controller"

// set is what an Application says.
type set struct {
	// Objects that are to be there.
	Objects []*unstructured.Unstructured `json:"objects"`
	// Previous is what was synchronized before; it is pruned where it is no longer among the objects.
	Previous []*unstructured.Unstructured `json:"previous"`
	// Options are sync options of the Application, such as Replace=true.
	Options []string `json:"options"`
}

// outcome is what the Application's operation state would say.
type outcome struct {
	Phase   common.OperationPhase `json:"phase"`
	Message string                `json:"message"`
	// Resources in the order in which they were written.
	Resources []resource `json:"resources"`
}

type resource struct {
	Kind    string            `json:"kind"`
	Name    string            `json:"name"`
	Status  common.ResultCode `json:"status"`
	Message string            `json:"message"`
}

func main() {
	log.SetFlags(0)
	var wanted set
	if err := json.NewDecoder(os.Stdin).Decode(&wanted); err != nil {
		log.Fatalf("standard input: %v", err)
	}
	options, err := syncOptions(wanted.Options)
	if err != nil {
		log.Fatal(err)
	}
	target, err := connect()
	if err != nil {
		log.Fatalf("the cluster: %v", err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	said, err := target.synchronize(ctx, wanted, options)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		log.Fatalf("standard output: %v", err)
	}
}

func syncOptions(names []string) ([]sync.SyncOpt, error) {
	// Force is not a sync option by name alone; the operation carries it.
	force := false
	// The controller's own default waits for a garbage collector, which does not run here.
	propagation := metav1.DeletePropagationBackground
	options := []sync.SyncOpt{
		sync.WithServerSideApplyManager(manager), sync.WithPrunePropagationPolicy(&propagation),
	}
	for _, name := range names {
		switch name {
		case common.SyncOptionForce:
			force = true
		case common.SyncOptionReplace:
			options = append(options, sync.WithReplace(true))
		case common.SyncOptionServerSideApply:
			options = append(options, sync.WithServerSideApply(true))
		case common.SyncOptionPruneLast:
			options = append(options, sync.WithPruneLast(true))
		default:
			return nil, fmt.Errorf("sync option %q is not known here", name)
		}
	}
	return append(options, sync.WithOperationSettings(false, true, force, false)), nil
}

// cluster is where an Application is to be synchronized to.
type cluster struct {
	config  *rest.Config
	mapper  meta.RESTMapper
	client  dynamic.Interface
	kubectl *kube.KubectlCmd
	schema  openapi.Resources
}

func connect() (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv(clientcmd.RecommendedConfigPathEnvVar))
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	discover, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	schema, err := openapi.NewOpenAPIParser(openapi.NewOpenAPIGetter(discover)).Parse()
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discover))
	return &cluster{config: config, mapper: mapper, client: client, kubectl: kubectl, schema: schema}, nil
}

// synchronize takes steps until the operation is complete, each on the live state as it is then, as the controller does.
func (c *cluster) synchronize(ctx context.Context, wanted set, options []sync.SyncOpt) (outcome, error) {
	started := metav1.Now()
	phase, message := common.OperationRunning, ""
	var results []common.ResourceSyncResult
	for !phase.Completed() {
		live, err := c.live(ctx, wanted)
		if err != nil {
			return outcome{}, err
		}
		state := append([]sync.SyncOpt{
			sync.WithInitialState(phase, message, results, started),
			sync.WithHealthOverride(settled{}),
			sync.WithLogr(logr.Discard()),
		}, options...)
		compared := sync.Reconcile(copies(wanted.Objects), live, "", c)
		step, cleanup, err := sync.NewSyncContext("", compared, c.config, c.config, c.kubectl, "", c.schema, state...)
		if err != nil {
			return outcome{}, err
		}
		step.Sync()
		phase, message, results = step.GetState()
		cleanup()
		if err := ctx.Err(); err != nil {
			return outcome{}, fmt.Errorf("%w: %s", err, message)
		}
	}
	said := outcome{Phase: phase, Message: message, Resources: []resource{}}
	for _, result := range results {
		said.Resources = append(said.Resources, resource{
			Kind: result.ResourceKey.Kind, Name: result.ResourceKey.Name, Status: result.Status, Message: result.Message,
		})
	}
	return said, nil
}

// live reads what there is of the wanted and of the previous objects.
func (c *cluster) live(ctx context.Context, wanted set) (map[kube.ResourceKey]*unstructured.Unstructured, error) {
	found := map[kube.ResourceKey]*unstructured.Unstructured{}
	for _, objects := range [][]*unstructured.Unstructured{wanted.Objects, wanted.Previous} {
		for _, object := range objects {
			kind := object.GroupVersionKind()
			mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
			if err != nil {
				return nil, err
			}
			collection := c.client.Resource(mapping.Resource).Namespace(object.GetNamespace())
			live, err := collection.Get(ctx, object.GetName(), metav1.GetOptions{})
			if errors.IsNotFound(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			found[kube.GetResourceKey(object)] = live
		}
	}
	return found, nil
}

// IsNamespaced says so of a kind; the engine asks.
func (c *cluster) IsNamespaced(kind schema.GroupKind) (bool, error) {
	mapping, err := c.mapper.RESTMapping(kind)
	if err != nil {
		return false, err
	}
	return mapping.Scope.Name() == meta.RESTScopeNameNamespace, nil
}

// copies are for the engine to change.
func copies(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	copied := make([]*unstructured.Unstructured, len(objects))
	for index, object := range objects {
		copied[index] = object.DeepCopy()
	}
	return copied
}

// settled finds everything healthy: the engine waits for Deployments and load balancers, whose controllers do not run here.
type settled struct{}

// GetResourceHealth implements health.HealthOverride.
func (settled) GetResourceHealth(*unstructured.Unstructured) (*health.HealthStatus, error) {
	return &health.HealthStatus{Status: health.HealthStatusHealthy}, nil
}
