import io.openlineage.client.OpenLineage;
import io.openlineage.client.OpenLineageClientUtils;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads events with OpenLineage's own Java client and prints what it made of masking, tags and labels. */
public class OpenLineageReader {
    public static void main(String[] files) throws Exception {
        for (String line : Files.readAllLines(Path.of(files[0]))) {
            OpenLineage.RunEvent event = OpenLineageClientUtils.runEventFromJson(line);
            System.out.println("event " + event.getEventType() + " " + event.getJob().getName());
            if (event.getRun().getFacets().getTags() != null) {
                for (OpenLineage.TagsRunFacetFields tag : event.getRun().getFacets().getTags().getTags()) {
                    System.out.println("run-tag " + tag.getKey() + "=" + tag.getValue());
                }
            }
            for (OpenLineage.OutputDataset output : event.getOutputs()) {
                OpenLineage.DatasetFacets facets = output.getFacets();
                if (facets.getTags() != null) {
                    for (OpenLineage.TagsDatasetFacetFields tag : facets.getTags().getTags()) {
                        System.out.println("tag " + tag.getField() + " " + tag.getKey() + "=" + tag.getValue());
                    }
                }
                if (facets.getColumnLineage() != null) {
                    facets.getColumnLineage().getFields().getAdditionalProperties().forEach((name, field) -> {
                        for (OpenLineage.InputField input : field.getInputFields()) {
                            for (OpenLineage.InputFieldTransformations step : input.getTransformations()) {
                                System.out.println("column " + name + " <- " + input.getField() + " "
                                    + step.getType() + " " + step.getSubtype() + " masking=" + step.getMasking());
                            }
                        }
                    });
                }
            }
        }
    }
}
