// Sends letters to a queue as a JMS application does: Producer URL COUNT TIMES
import javax.jms.Connection;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnectionFactory;

public class Producer {
    public static void main(String[] arguments) throws Exception {
        int count = Integer.parseInt(arguments[1]), times = Integer.parseInt(arguments[2]);
        Connection connection = new ActiveMQConnectionFactory(arguments[0]).createConnection();
        connection.start();
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(session.createQueue("letters"));
        for (int time = 0; time < times; time++) {
            for (int n = 0; n < count; n++) {
                TextMessage message = session.createTextMessage(
                    "{\"template\": \"receipt\", \"to\": \"Übung <person" + n + "@example.com>\","
                    + " \"data\": {\"order\": " + n + ", \"lines\": [{\"count\": 1, \"name\": \"Grüße 图书\"}]}}");
                message.setStringProperty("Idempotency_Key", "order-" + n);
                producer.send(message);
            }
            session.commit();
        }
        connection.close();
    }
}
